"""Changes: opened by an outcome, advanced by facts, decided by people, ended by the merge queue."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import msgspec

from paddock.core import gate, reviewing, system_jobs, usage
from paddock.core.effects import Batched, Effect, Fixed, GoOn, Merged, RecordEvidence, RecordReview, SendBack
from paddock.core.errors import Conflict, Refused
from paddock.core.job import Job
from paddock.core.states import CHANGE, FINAL, JOB, OPEN_CHANGES, ChangeState, JobState, move
from paddock.store.ops import forge_says, merging, releasing, resolving
from paddock.store.ops import reviewing as reviews
from paddock.store.ops.submitting import add_job
from paddock.store.ops.work import Work, record, records, to_json
from paddock.store.records import Change, Evidence, JobRecord, Project
from paddock.wire.messages import ChangeReport


def open_change(work: Work, job: JobRecord, report: ChangeReport) -> str:
    """Opens the change that an attempt proposes, in place of any earlier one of the same job; returns its id."""
    earlier = work.tx.one("change_of_job", job=job.id)
    if earlier is not None and ChangeState(earlier["state"]) in OPEN_CHANGES:
        move_change(work, record(Change, earlier), ChangeState.SUPERSEDED, "a newer attempt proposed another")
    change = work.new_id("c")
    work.tx.run(
        "add_change",
        id=change,
        job=job.id,
        epoch=job.epoch,
        name=job.name,
        project=job.project,
        branch=report.branch,
        base=report.base,
        head=report.head,
        tree=report.tree,
        files=to_json(report.files),
        more_files=report.more_files,
        authors=to_json([job.agent]),
        now=work.now,
    )
    work.journal("change.opened", job.id, change=change, branch=report.branch, head=report.head, base=report.base)
    return change


def move_change(work: Work, change: Change, state: ChangeState, reason: str = "", commit: str | None = None) -> None:
    """Moves a change by the table, fenced by the state it was read in."""
    move(CHANGE, f"change {change.id}", change.state, state)
    moved = work.tx.run(
        "move_change", id=change.id, old=change.state, state=state, reason=reason, now=work.now, commit=commit
    )
    if moved != 1:
        raise Conflict(f"change {change.id} moved meanwhile")
    work.journal(f"change.{state}", change.job, change=change.id, reason=reason, commit=commit)


def verdict(work: Work, change: Change) -> gate.Verdict:
    """The merge gate's answer on the facts as they stand."""
    project = _project(work, change.project)
    green = work.tx.value("verdict_of_head", change=change.id, head=change.head)
    rules = reviews.rules_of(work.tx, change.project)
    approved_by = [row["by"] for row in work.tx.all("approvals", change=change.id, head=change.head)]
    paths = [str(file["path"]) for file in change.files]
    facts = gate.Facts(
        state=change.state,
        head=change.head,
        author=change.job,
        has_checks=bool(project.checks or work.job(change.job).accept),
        checks_green=None if green is None else bool(green),
        approved_by=approved_by,
        humans=rules.humans,
        objections=[
            *resolving.objections(work.tx, change),
            *reviews.objections(work.tx, change, rules),
            *reviewing.missing_owners(rules, paths, approved_by, whole=not change.more_files),
            *forge_says.objections(work.tx, change.id),
        ],
    )
    return gate.judge(facts)


def _degraded(author: JobRecord) -> bool:
    """Whether what is done for a change may be done where nothing is contained: when its job might be."""
    return author.typed_scope().degraded


def advance(work: Work, change_id: str) -> None:
    """Does what the facts ask for next: a check job or, once the gate opens, a merge job. Twice is as good as once."""
    change = work.change(change_id)
    if change.state not in OPEN_CHANGES:
        return
    project = _project(work, change.project)
    author = work.job(change.job)
    if project.checks and work.tx.value("verdict_of_head", change=change.id, head=change.head) is None:
        job = _check(change, author, project)
        add_job(work, job, project.name, subject=change.id, unique_key=f"check:{change.id}:{change.head}")
    hopeless = resolving.go_on(work, change, author)
    if hopeless:
        _send_back(work, author, SendBack(change=change.id, state=ChangeState.CONFLICTED, reason=hopeless))
        return
    reviews.ask(work, change, author)
    if not verdict(work, change).mergeable:
        return
    if change.state is ChangeState.OPEN:
        move_change(work, change, ChangeState.APPROVED)
    if work.tx.value("forge_merges", project=project.name):
        return
    # A new approval after the queue gave up asks for another go, and so does what was resolved meanwhile.
    asked = max(
        (row["at"] for row in work.tx.all("approvals", change=change.id, head=change.head)), default=change.head
    )
    times = resolving.count(work.tx, change)
    _queue(work, change, author, project, f"merge:{change.id}:{asked}" + (f":{times}" if times else ""))


def _check(change: Change, author: JobRecord, project: Project) -> Job:
    return system_jobs.check_job(
        change.id, author.name, change.head, change.base, project.checks, author.accept, degraded=_degraded(author)
    )


def _queue(work: Work, change: Change, author: JobRecord, project: Project, key: str) -> None:
    """Puts the change into the merge queue, unless its merge with this key is there."""
    approvals = work.tx.all("approvals", change=change.id, head=change.head)
    job = system_jobs.merge_job(
        change.id,
        author.name,
        change.head,
        project.branch,
        _message(work, change, author, [row["by"] for row in approvals]),
        project.checks,
        author.accept,
        degraded=_degraded(author),
        sent_back=max(0, author.attempt - 1),
    )
    add_job(work, job, project.name, subject=change.id, unique_key=key, exclusive=f"merge:{project.name}")


def _message(work: Work, change: Change, author: JobRecord, approved_by: list[str]) -> str:
    """The merge's message. Its trailers say where the change comes from; `paddock blame` reads them."""
    trailers = [("Paddock-Job", author.id), ("Paddock-Change", change.id), ("Paddock-Epoch", str(change.epoch))]
    for agent in change.authors:
        row = work.tx.one("agent", id=agent)
        trailers.append(("Paddock-Agent", f"{row['name']} ({agent})" if row else agent))
    attempt = work.tx.one("attempt", job=change.job, epoch=change.epoch)
    if attempt is not None:
        trailers.append(("Paddock-Session", hashlib.sha256(attempt["session"].encode()).hexdigest()[:16]))
    for report in _reports(work, change):
        trailers += [("Paddock-Model", used.model) for used in report.models if used.model]
        trailers += [("Paddock-Model-Session", report.session)] if report.session else []
    trailers = list(dict.fromkeys(trailers))
    review = work.tx.one("review_of_head", change=change.id, head=change.head)
    if review is not None:
        trailers.append(("Paddock-Review", review["job"]))
    trailers += [("Approved-by", name) for name in approved_by]
    # Names are others' words: none may begin a line of its own.
    return f"Merge {author.name}\n\n" + "".join(f"{name}: {' '.join(value.split())}\n" for name, value in trailers)


def _reports(work: Work, change: Change) -> list[usage.Report]:
    """What those who wrote some of a change told of the models that they used."""
    rows = work.tx.all("results_for_change", change=change.id, job=change.job, epoch=change.epoch)
    found = [usage.read(json.loads(row["result"])) for row in rows]
    return [report for report in found if report is not None]


def decide(work: Work, change_id: str, by: str, decision: str, note: str) -> Change:
    """Records what a person decided and acts on it.

    Raises: Conflict when the change is past deciding, Refused for an agent that would approve what it wrote.
    """
    change = work.change(change_id)
    if change.state not in OPEN_CHANGES:
        raise Conflict(f"change {change.id} is {change.state}", hint="only open changes can be decided on")
    if decision == "approve":
        _check_not_author(work, change, by)
    if decision == "rerun":
        _run_again(work, change, by)
        return work.change(change.id)
    work.tx.run("decide", change=change.id, by=by, decision=decision, note=note, at=work.now, head=change.head)
    work.journal(f"change.{decision}", change.job, change=change.id, by=by, note=note)
    if decision == "reject":
        move_change(work, change, ChangeState.REJECTED, f"rejected by {by}" + (f": {note}" if note else ""))
        _move_author(work, work.job(change.job), JobState.FAILED, f"its change was rejected by {by}")
        _close(work, change)
    elif decision == resolving.ASK:
        _ask_for_more(work, change, by, note)
    else:
        advance(work, change.id)
    return work.change(change.id)


def _ask_for_more(work: Work, change: Change, by: str, note: str) -> None:
    """Has somebody go on with the change; where nobody would, its job starts again from the present base."""
    why = f"{by} asks for changes" + (f": {note}" if note else "")
    if resolving.may_be_asked(work.tx, change):
        _open_again(work, change, why)
        advance(work, change.id)
        return
    move_change(work, change, ChangeState.SUPERSEDED, why)
    _move_author(work, work.job(change.job), JobState.CHANGES_REQUESTED, why, fresh=True)
    _close(work, change)


def _open_again(work: Work, change: Change, why: str) -> None:
    if change.state is ChangeState.APPROVED:
        move_change(work, change, ChangeState.OPEN, why)
        _close(work, change)


def _run_again(work: Work, change: Change, by: str) -> None:
    """Has the checks and the reviews of the head run anew, and a merge that gave up; what is under way goes on."""
    project, author = _project(work, change.project), work.job(change.job)
    live = {row["kind"] for row in work.tx.all("jobs_serving", change=change.id) if row["state"] not in FINAL}
    work.journal("change.rerun", change.job, change=change.id, by=by, head=change.head)
    if (project.checks or author.accept) and "test.run" not in live:
        add_job(work, _check(change, author, project), project.name, subject=change.id, unique_key=_anew(work, change))
    if "review.run" not in live:
        reviews.ask_again(work, change, author)
    if change.state is ChangeState.APPROVED and "change.merge" not in live and verdict(work, change).mergeable:
        _queue(work, change, author, project, key=f"merge:{change.id}:{work.now}")


def _anew(work: Work, change: Change) -> str:
    return f"check:{change.id}:{change.head}:{work.now}"


def _check_not_author(work: Work, change: Change, by: str) -> None:
    """Raises: Refused for the id or the name of an agent that wrote some of the change."""
    for agent in change.authors:
        row = work.tx.one("agent", id=agent)
        if by in (agent, row["name"] if row else agent):
            raise Refused(f"{by} wrote change {change.id} and cannot approve it", hint="a person approves")


def supersede(work: Work, job: str, why: str) -> None:
    """Closes the open change of a job that is cancelled."""
    row = work.tx.one("change_of_job", job=job)
    if row is not None and ChangeState(row["state"]) in OPEN_CHANGES:
        change = record(Change, row)
        move_change(work, change, ChangeState.SUPERSEDED, why)
        _close(work, change)


def apply(work: Work, job: JobRecord, effect: Effect) -> None:
    """Carries out what a system job's outcome says of its change. On a change that was decided meanwhile it only
    leaves its mark in the journal: a merge that happened is told, whatever was decided beside it."""
    _HANDLERS[type(effect)](work, job, effect)


def _record_evidence(work: Work, job: JobRecord, effect: RecordEvidence) -> None:
    work.tx.run(
        "add_evidence",
        job=job.id,
        change=effect.change,
        project=job.project,
        head=effect.head,
        tree=effect.tree,
        green=int(effect.green),
        checks=to_json(effect.checks),
        at=work.now,
    )
    change = work.change(effect.change)
    work.journal("checks.green" if effect.green else "checks.red", change.job, change=change.id, head=effect.head)
    advance(work, change.id)


def _send_back(work: Work, _job: JobRecord, effect: SendBack) -> None:
    change = work.change(effect.change)
    if effect.state not in CHANGE[change.state]:
        return
    if effect.onto and resolving.may_resolve(work.tx, change):
        _open_again(work, change, effect.reason)
        resolving.resolve(work, work.change(change.id), work.job(change.job), effect.onto, effect.paths)
        return
    move_change(work, change, effect.state, effect.reason)
    author = work.job(change.job)
    state = JobState.CHANGES_REQUESTED if author.attempt < author.max_attempts else JobState.FAILED
    _move_author(work, author, state, f"its change is {effect.state}: {effect.reason}")
    _close(work, change)


def _merged(work: Work, _job: JobRecord, effect: Merged) -> None:
    change = work.change(effect.change)
    if ChangeState.MERGED not in CHANGE[change.state]:
        work.journal("change.merged_late", change.job, change=change.id, state=change.state, commit=effect.commit)
        return
    move_change(work, change, ChangeState.MERGED, commit=effect.commit)
    author = work.job(change.job)
    _move_author(work, author, JobState.DONE, "")
    releasing.release(work, author)
    _cancel_serving(work, change.id, "its change is merged")


def _batched(work: Work, job: JobRecord, effect: Batched) -> None:
    merging.adapt(work, job.project, effect.size, red=effect.red)


def _reviewed(work: Work, job: JobRecord, effect: RecordReview) -> None:
    reviews.take(work, job, work.change(effect.change), effect)
    advance(work, effect.change)


def _fixed(work: Work, job: JobRecord, effect: Fixed) -> None:
    """Moves the head, fenced by the one that was mended; earlier approvals were of that one and no longer count."""
    change = work.change(effect.change)
    try:
        report = msgspec.convert(effect.report, ChangeReport)
    except msgspec.ValidationError:
        advance(work, change.id)
        return
    moved = work.tx.run(
        "move_head",
        id=change.id,
        was=effect.was,
        base=report.base,
        head=report.head,
        tree=report.tree,
        files=to_json(report.files),
        more_files=report.more_files,
        authors=to_json(list(dict.fromkeys([*change.authors, job.agent]))),
        diff_job=job.id,
        diff_epoch=job.epoch,
        now=work.now,
    )
    told = "change.fixed" if moved else "change.fixed_late"
    work.journal(told, change.job, change=change.id, head=report.head, was=effect.was, by=job.id, state=change.state)
    advance(work, change.id)


def _go_on(work: Work, _job: JobRecord, effect: GoOn) -> None:
    advance(work, effect.change)


_HANDLERS: dict[type, Callable[[Work, JobRecord, Any], None]] = {
    RecordEvidence: _record_evidence,
    SendBack: _send_back,
    Merged: _merged,
    Batched: _batched,
    RecordReview: _reviewed,
    Fixed: _fixed,
    GoOn: _go_on,
}


def _move_author(work: Work, author: JobRecord, state: JobState, reason: str, *, fresh: bool = False) -> None:
    if state not in JOB[author.state]:
        return
    ended = None if state is JobState.CHANGES_REQUESTED else work.now
    work.readied = work.readied or state is JobState.CHANGES_REQUESTED
    work.tx.run(
        "move_job",
        id=author.id,
        old=author.state,
        state=state,
        reason=reason,
        ended=ended,
        not_before=0,
        fresh=int(fresh),
    )
    work.journal(f"job.{state}", author.id, reason=reason)


def _close(work: Work, change: Change) -> None:
    """Ends what was under way for a change that is not to be merged any more."""
    _cancel_serving(work, change.id, "its change is closed")
    merging.drop(work, change)


def _cancel_serving(work: Work, change: str, why: str) -> None:
    for row in work.tx.all("jobs_serving", change=change):
        if row["state"] == JobState.LEASED and work.tx.run("request_cancel", id=row["id"]):
            work.journal("cancel.requested", row["id"], row["agent"], reason=why)
        if JobState(row["state"]) in (JobState.READY, JobState.BLOCKED):
            work.tx.run(
                "move_job",
                id=row["id"],
                old=row["state"],
                state=JobState.CANCELLED,
                reason=why,
                ended=work.now,
                not_before=0,
                fresh=0,
            )
            work.journal("job.cancelled", row["id"], reason=why)


def _project(work: Work, name: str) -> Project:
    row = work.tx.one("project", name=name)
    assert row is not None, "a change's project is never deleted"
    return record(Project, row)


def evidence(work: Work, change: str) -> list[Evidence]:
    """What the checks said of a change, oldest first."""
    return records(Evidence, work.tx.all("evidence_of_change", change=change))
