"""Changes on a forge: what is to be done there, by whom, and what people said there."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from paddock.core.effects import Merged, SendBack
from paddock.core.errors import BadInput, NotFound
from paddock.core.limits import NEVER
from paddock.core.states import CHANGE, OPEN_CHANGES, ChangeState
from paddock.store.forging import ForgeRow, Intent, Settled, Shown, What
from paddock.store.ops import changing
from paddock.store.ops.reading import find_project
from paddock.store.ops.work import Work, record, records, to_json
from paddock.store.statements import Tx

# Milliseconds between two turns at one change that webhooks ask for, and for which a webhook is known again.
CALM_MS = 2_000
KNOWN_MS = 14 * 86_400_000


def listed(tx: Tx) -> list[ForgeRow]:
    """Every project's forge."""
    return records(ForgeRow, tx.all("forges"))


def set_forge(work: Work, row: ForgeRow) -> None:
    """Sets a project's forge. Raises: NotFound."""
    find_project(work.tx, row.project)
    old = next((one for one in listed(work.tx) if one.project == row.project), None)
    if old is not None and (old.base, old.repo) != (row.base, row.repo):
        work.tx.run("forget_forge", project=row.project)
    values = msgspec.structs.asdict(row) | {"people": to_json(row.people), "merges": int(row.merges), "now": work.now}
    for name in ("updated", "heard", "poll_at"):
        del values[name]
    work.tx.run("set_forge", **values)
    work.journal("forge.set", project=row.project, by=row.by, kind=row.kind, repo=row.repo, merges=row.merges)
    _go_on(work, row.project)


def _go_on(work: Work, project: str) -> None:
    """Who merges may be another now."""
    for row in work.tx.all("open_changes"):
        if row["project"] == project:
            changing.advance(work, row["id"])


def remove_forge(work: Work, project: str, by: str) -> None:
    """Raises: NotFound."""
    if not work.tx.run("remove_forge", project=project):
        raise NotFound(f"project {project!r} has no forge")
    work.tx.run("forget_forge", project=project)
    work.journal("forge.removed", project=project, by=by)
    _go_on(work, project)


def unplanned(tx: Tx) -> bool:
    """Whether `plan` would do something."""
    return bool(tx.all("forge_unplanned") or tx.all("forge_behind", never=NEVER))


def plan(work: Work) -> None:
    """Takes up changes that were opened or have moved."""
    for row in work.tx.all("forge_unplanned"):
        change = row["id"]
        work.tx.run(
            "add_forge_intent",
            id=f"change:{change}",
            project=row["project"],
            what="change",
            subject=change,
            change=change,
            text="",
            by="",
            now=work.now,
        )
    for row in work.tx.all("forge_behind", never=NEVER):
        work.tx.run("nudge_forge_intent", id=row["id"], now=0, due=work.now)


def next_due(tx: Tx) -> int | None:
    """When something is to be done next."""
    due = tx.value("forge_next")
    return None if due is None or due >= NEVER else int(due)


def claim(work: Work, account: str, holder: str, ttl: int) -> tuple[Intent | None, dict[str, Any] | None]:
    """Takes what is due longest, while nobody else works for the account."""
    until = work.now + ttl
    if not work.tx.run("lease_forge", account=account, holder=holder, until=until, now=work.now):
        return None, None
    quota = msgspec.json.decode(work.tx.value("forge_quota", account=account) or "{}")
    row = work.tx.one("forge_claimable", account=account, holder=holder, now=work.now)
    if row is None:
        return None, quota
    work.tx.run("lease_forge_intent", id=row["id"], holder=holder, until=until)
    taken = work.tx.one("forge_intent", id=row["id"])
    assert taken is not None, "it was read in this transaction"
    return record(Intent, taken), quota


def settle(work: Work, intent: Intent, settled: Settled, account: str, quota: Mapping[str, Any]) -> bool:
    """Ends a turn, fenced by who held it and which turn it was."""
    stands = work.tx.run(
        "settle_forge_intent",
        id=intent.id,
        holder=intent.holder,
        turn=intent.turn,
        number=settled.number,
        url=settled.url,
        shown=to_json(settled.shown),
        trouble=settled.trouble,
        seen=settled.seen,
        live=int(settled.live),
        well=int(not settled.trouble),
        due=settled.due,
        now=work.now,
    )
    if stands:
        work.tx.run("set_forge_quota", account=account, quota=to_json(quota), holder=intent.holder)
    if stands and settled.number and not intent.number:
        told = {"change": "change.shown", "issue": "finding.filed", "comment": "change.said"}[intent.what]
        job = work.change(intent.change).job
        work.journal(told, job, change=intent.change, what=intent.subject, number=settled.number, url=settled.url)
    if stands and intent.what == "change" and _objections(intent.shown) != _objections(settled.shown):
        changing.advance(work, intent.change)
    return bool(stands)


def _objections(shown: Shown) -> tuple[Sequence[str], bool]:
    return shown.against, shown.state == "closed"


def moved(work: Work, project: str, stamps: Mapping[str, str], *, whole: bool) -> int:
    """Takes up what has moved there."""
    found = 0
    for one in records(Intent, work.tx.all("forge_intents_shown", project=project)):
        stamp = stamps.get(one.number)
        if (stamp is not None and stamp != one.shown.stamp) or (stamp is None and whole and one.shown.state == "open"):
            found += work.tx.run("nudge_forge_intent", id=one.id, now=work.now, due=work.now)
    return found


def heard(work: Work, project: str, digest: str, number: str) -> bool:
    """Takes up what a webhook is about, once."""
    if not work.tx.run("add_forge_delivery", digest=digest, now=work.now):
        return False
    work.tx.run("sweep_forge_deliveries", before=work.now - KNOWN_MS)
    work.tx.run("note_forge_heard", project=project, number=number, now=work.now)
    for row in work.tx.all("forge_intent_numbered", project=project, number=number) if number else ():
        due = max(work.now, row["updated"] + CALM_MS)
        work.tx.run("nudge_forge_intent", id=row["id"], now=work.now, due=due)
    return True


def ask(work: Work, what: What, subject: str, change_id: str, text: str, by: str) -> Intent:
    """Something a person wants done there. Raises: BadInput, NotFound."""
    change = work.change(change_id)
    if work.tx.one("forge_merges", project=change.project) is None:
        raise BadInput(
            f"project {change.project!r} has no forge", hint=f"`paddock project forge {change.project} --forge …`"
        )
    ident = f"{what}:{subject or work.new_id('m')}"
    work.tx.run(
        "add_forge_intent",
        id=ident,
        project=change.project,
        what=what,
        subject=ident.partition(":")[2],
        change=change.id,
        text=text,
        by=by,
        now=work.now,
    )
    row = work.tx.one("forge_intent", id=ident)
    assert row is not None, "it was stored in this transaction"
    return record(Intent, row)


def approve(work: Work, change_id: str, head: str, by: str, note: str) -> bool:
    """Counts an approval of this very head. Raises: Refused for an agent that wrote it."""
    change = work.change(change_id)
    if change.state not in OPEN_CHANGES or change.head != head:
        return False
    changing.decide(work, change_id, by, "approve", note)
    return True


def withdraw(work: Work, change_id: str, by: str) -> bool:
    """Counts it no more."""
    change = work.change(change_id)
    approving = {row["by"] for row in work.tx.all("approvals", change=change.id, head=change.head)}
    if change.state not in OPEN_CHANGES or by not in approving:
        return False
    changing.decide(work, change_id, by, "withdraw", "")
    return True


def merged(work: Work, change_id: str, commit: str) -> bool:
    """The branch holds it: whoever merged there decided, the change follows."""
    change = work.change(change_id)
    if change.state is ChangeState.OPEN:
        changing.move_change(work, change, ChangeState.APPROVED, "merged on its forge")
        change = work.change(change_id)
    fits = ChangeState.MERGED in CHANGE[change.state]
    if change.state is not ChangeState.MERGED:
        changing.apply(work, work.job(change.job), Merged(change=change.id, commit=commit))
    return fits


def unmerged(work: Work, change_id: str, reason: str) -> bool:
    """Sends an approved change back."""
    change = work.change(change_id)
    if change.state is not ChangeState.APPROVED:
        return False
    changing.apply(work, work.job(change.job), SendBack(change=change.id, state=ChangeState.CONFLICTED, reason=reason))
    return True
