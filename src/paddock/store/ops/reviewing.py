"""Reviews of changes: the ledger kept, the next review or fix asked for, and what stands in a merge's way.

Everything here is derived from the rows of reviews, findings, rounds and jobs, so that asking twice is as good as once.
"""

import json
from collections.abc import Sequence

import msgspec

from paddock.core import review_jobs, reviewing
from paddock.core.effects import RecordReview
from paddock.core.findings import FindingState, Told, decode, fingerprints, merge
from paddock.core.reviewing import Progress, Rules
from paddock.core.states import FINAL, OPEN_CHANGES, ChangeState
from paddock.store.ops.submitting import add_job
from paddock.store.ops.work import Work, record, records, to_json
from paddock.store.records import Change, JobRecord
from paddock.store.reviews import Finding, FindingFilter, Review, Round, Standing
from paddock.store.statements import Row, Tx

_rules = msgspec.json.Decoder(Rules, strict=False)


def rules_of(tx: Tx, project: str) -> Rules:
    """A project's rules; those of one that never set any otherwise."""
    stored = tx.value("review_rules", project=project)
    return _rules.decode(stored) if stored else Rules()


def standing(tx: Tx, change_id: str) -> Standing:
    """Where the reviews of a change stand."""
    row = tx.one("change", id=change_id)
    assert row is not None, "the caller has found the change"
    rules = rules_of(tx, row["project"])
    rounds = records(Round, tx.all("rounds_of_change", change=change_id))
    findings = [one for one in _known(tx, row["job"]) if one.change == change_id]
    blocking = _blocking(rules, findings)
    at_work = bool(_live_fixes(tx.all("jobs_serving", change=change_id))) or not _reviewed(tx, row)
    why = "" if at_work else reviewing.stop(rules, _progress(tx, rules, row, rounds, blocking))
    closed = "" if row["state"] in OPEN_CHANGES else f"closed: the change is {row['state']}"
    return Standing(
        rules=rules,
        reviews=records(Review, tx.all("reviews_of_change", change=change_id)),
        rounds=rounds,
        findings=findings,
        blocking=len(blocking),
        stop=why or closed,
    )


def _known(tx: Tx, author: str) -> list[Finding]:
    return records(Finding, tx.all("findings_of_job", author=author))


def _blocking(rules: Rules, findings: Sequence[Finding]) -> list[Finding]:
    return [one for one in findings if one.state is FindingState.OPEN and one.severity.rank >= rules.gate.rank]


def _live_fixes(serving: Sequence[Row]) -> list[Row]:
    return [row for row in serving if row["kind"] in ("change.fix", "change.resolve") and row["state"] not in FINAL]


def _reviewed(tx: Tx, change: Row) -> bool:
    return tx.one("review_of_head", change=change["id"], head=change["head"]) is not None


def _progress(tx: Tx, rules: Rules, change: Row, rounds: Sequence[Round], blocking: Sequence[Finding]) -> Progress:
    barren = 0
    while barren < len(rounds) and not rounds[-1 - barren].fixed:
        barren += 1
    found = tx.one("review_of_head", change=change["id"], head=change["head"])
    spent = [row for row in tx.all("jobs_serving", change=change["id"]) if row["kind"] in ("review.run", "change.fix")]
    return Progress(
        rounds=len(rounds),
        barren=barren,
        filed=tx.value("filed_for_job", author=change["job"]) or 0,
        seconds=sum((row["ended"] - row["started"]) / 1_000 for row in spent if row["ended"] and row["started"]),
        blocking=len(blocking),
        mendable=sum(reviewing.fixer_of(rules, one.name) is not None for one in blocking),
        skipped=skipped(record(Review, found)) if found else (),
    )


def skipped(review: Review) -> tuple[str, ...]:
    """Reviewers that should have run and did not."""
    return tuple(str(one.get("name")) for one in review.reviewers if not one.get("ran"))


def objections(tx: Tx, change: Change, rules: Rules) -> list[str]:
    """What reviews have against merging the change as it stands."""
    if not rules.reviews or change.state not in OPEN_CHANGES:
        return []
    found = tx.one("review_of_head", change=change.id, head=change.head)
    if found is None:
        return reviewing.standing_in_the_way(change.head, False, (), 0, "")
    review = record(Review, found)
    stands = standing(tx, change.id)
    out = reviewing.standing_in_the_way(change.head, True, skipped(review), stands.blocking, stands.stop)
    if review.more:
        out.append(f"the review told only some of its findings, {review.more} more are not listed")
    if rules.independent and review.own:
        out.append("the review was made by an agent that wrote the change")
    return out


def ask(work: Work, change: Change, author: JobRecord) -> None:
    """Submits what the reviews of an open change ask for next: a fix that is due, the review of its head, a round."""
    rules = rules_of(work.tx, change.project)
    if not rules.reviews or change.state is not ChangeState.OPEN:
        return
    serving = work.tx.all("jobs_serving", change=change.id)
    if _live_fixes(serving):
        return
    rounds = records(Round, work.tx.all("rounds_of_change", change=change.id))
    findings = [one for one in _known(work.tx, change.job) if one.change == change.id]
    if rounds and _fix_next(work, change, author, rules, rounds[-1].round, findings, serving):
        return
    if work.tx.one("review_of_head", change=change.id, head=change.head) is None:
        _ask_review(work, change, author, rules)
        return
    blocking = _blocking(rules, findings)
    row = work.tx.one("change", id=change.id)
    assert row is not None
    progress = _progress(work.tx, rules, row, rounds, blocking)
    if reviewing.stop(rules, progress):
        return
    _begin_round(work, change, author, rules, len(rounds) + 1, blocking, rules.in_all - progress.filed, serving)


def _begin_round(
    work: Work,
    change: Change,
    author: JobRecord,
    rules: Rules,
    number: int,
    blocking: Sequence[Finding],
    room: int,
    serving: Sequence[Row],
) -> None:
    takes = [one for one in blocking if reviewing.fixer_of(rules, one.name) is not None]
    takes.sort(key=lambda one: (-one.severity.rank, one.id))
    chosen = takes[: min(rules.per_round, room)]
    work.tx.run("file_findings", round=number, now=work.now, ids=to_json([one.id for one in chosen]))
    work.tx.run(
        "add_round",
        change=change.id,
        round=number,
        author=change.job,
        head=change.head,
        filed=len(chosen),
        at=work.now,
    )
    work.journal("review.round", change.job, change=change.id, round=number, findings=len(chosen))
    filed = [msgspec.structs.replace(one, filed=number, times=one.times + 1) for one in chosen]
    _fix_next(work, change, author, rules, number, filed, serving)


def _fix_next(
    work: Work,
    change: Change,
    author: JobRecord,
    rules: Rules,
    number: int,
    findings: Sequence[Finding],
    serving: Sequence[Row],
) -> bool:
    """Submits the round's next fix, one fixer after the other on one branch; False when each has had its turn."""
    had = {row["unique_key"] for row in serving}
    due: dict[int, list[Finding]] = {}
    for one in findings:
        fixer = reviewing.fixer_of(rules, one.name)
        if one.filed == number and one.state is FindingState.OPEN and fixer is not None:
            due.setdefault(fixer, []).append(one)
    for fixer, mine in sorted(due.items()):
        key = f"fix:{change.id}:{number}:{fixer}"
        if key in had:
            continue
        job = review_jobs.fix_job(
            rules,
            fixer,
            author.name,
            author.typed_scope(),
            change=change.id,
            head=change.head,
            base=change.base,
            branch=change.branch,
            epoch=change.epoch,
            findings=[_brief(one) for one in mine],
        )
        add_job(work, job, change.project, subject=change.id, unique_key=key, exclusive=f"fix:{change.id}")
        return True
    return False


def _brief(one: Finding) -> dict[str, object]:
    """What a fixer is told of a finding; `times` counts how often one was, this time among them."""
    names = ("id", "reviewer", "rule", "path", "line", "message", "times")
    return {**{name: getattr(one, name) for name in names}, "severity": str(one.severity)}


def ask_again(work: Work, change: Change, author: JobRecord) -> None:
    """Asks for another review of a head, where the project has reviews."""
    rules = rules_of(work.tx, change.project)
    if rules.reviews:
        _ask_review(work, change, author, rules, again=f":{work.now}")


def _ask_review(work: Work, change: Change, author: JobRecord, rules: Rules, again: str = "") -> None:
    others = [
        (row["name"], row["head"])
        for row in work.tx.all("open_changes")
        if row["project"] == change.project and row["id"] != change.id
    ]
    wrote = set(change.authors)
    able = (row for row in work.tx.all("agents") if "review.run" in json.loads(row["kinds"]) and not row["draining"])
    job = review_jobs.review_job(
        rules,
        author.name,
        author.typed_scope(),
        change=change.id,
        head=change.head,
        base=change.base,
        authors=change.authors,
        others=others[-review_jobs.MOST_OTHERS :],
        substitute=any(row["id"] not in wrote for row in able),
    )
    add_job(work, job, change.project, subject=change.id, unique_key=f"review:{change.id}:{change.head}{again}")


def take(work: Work, job: JobRecord, change: Change, effect: RecordReview) -> None:
    """Joins what a review found with the ledger; one of a head that is no longer the change's leaves only its row."""
    told, more = decode(effect.findings)
    more += effect.more if isinstance(effect.more, int) else 0
    listed = effect.reviewers if isinstance(effect.reviewers, list) else []
    reviewers = [one for one in listed if isinstance(one, dict)]
    current = change.head == effect.head
    fixed = 0
    if current:
        whole = not more and all(one.get("ran") for one in reviewers)
        fixed = _join(work, change, told, whole=whole)
    work.tx.run(
        "add_review",
        job=job.id,
        change=change.id,
        head=effect.head,
        agent=job.agent or "",
        own=int(job.agent in change.authors),
        reviewers=to_json(reviewers),
        found=len(told),
        more=more,
        fixed=fixed,
        at=work.now,
    )
    if fixed:
        work.tx.run("round_fixed", change=change.id, fixed=fixed)
    work.journal("review.ended", change.job, change=change.id, head=effect.head, found=len(told) + more, fixed=fixed)


def _join(work: Work, change: Change, told: Sequence[Told], *, whole: bool) -> int:
    """Brings the ledger up to date with a review; returns how many of this change's findings are gone."""
    known = {one.known_by: one for one in _known(work.tx, change.job)}
    seen = fingerprints(told)
    merged = merge({name: one.state for name, one in known.items()}, seen, whole=whole)
    for name, one in zip(seen, told, strict=True):
        facts = {"line": one.line, "severity": one.severity, "message": one.message, "head": change.head}
        place = {"author": change.job, "change": change.id, "known_by": name, "now": work.now}
        if name in known:
            work.tx.run("see_finding", **place, **facts)
            continue
        work.tx.run(
            "add_finding",
            id=work.new_id("f"),
            project=change.project,
            reviewer=one.reviewer,
            rule=one.rule,
            path=one.path,
            **place,
            **facts,
        )
    for name in merged.fixed:
        work.tx.run("finding_fixed", author=change.job, known_by=name, now=work.now)
    return sum(known[name].change == change.id for name in merged.fixed)


def select(tx: Tx, wanted: FindingFilter) -> list[Finding]:
    """The newest findings that pass the filter."""
    rows = tx.all("list_findings", change=wanted.change, project=wanted.project, state=wanted.state, most=wanted.limit)
    return records(Finding, rows)
