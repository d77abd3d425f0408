"""Reviews as people set, read and judge them."""

from typing import Any

import msgspec

from paddock.control.limits import MAX_NAME, MAX_NOTE, fields, text
from paddock.control.plane import Control
from paddock.core import reviewing
from paddock.core.errors import BadInput
from paddock.core.findings import FindingState
from paddock.store.records import Change
from paddock.store.reviews import Finding, FindingFilter, Review

View = dict[str, Any]


async def rules(control: Control, project: str) -> View:
    """How a project's changes are reviewed. Raises: NotFound."""
    return reviewing.plain(await control.store.review_rules(project))


async def set_rules(control: Control, project: str, raw: object) -> View:
    """Sets a project's rules, in place of all earlier ones; what is left out stands as it does without any.

    Raises: BadInput naming the field, NotFound.
    """
    given = fields(raw, "rules", "by")
    parsed = reviewing.parse(given.get("rules", {}))
    by = text(given, "by", MAX_NAME) or "somebody"
    await control.store.set_review_rules(project, parsed, by, control.clock.now())
    control.stir()
    return reviewing.plain(parsed)


async def findings(
    control: Control, change: str | None, project: str | None, state: str | None, most: int
) -> list[View]:
    """The newest findings; `change` is its id, or its job's id or name. Raises: BadInput, NotFound."""
    if state is not None and state not in list(FindingState):
        raise BadInput(f"state: {state!r} is none", hint=f"states are: {', '.join(FindingState)}", where="state")
    wanted = FindingFilter(
        change=(await control.store.change(change)).id if change else None,
        project=project,
        state=FindingState(state) if state else None,
        limit=most,
    )
    return [finding_view(one) for one in await control.store.findings_listed(wanted)]


async def finding(control: Control, ref: str) -> View:
    """One finding by its id or the beginning of it. Raises: NotFound, BadInput."""
    return finding_view(await control.store.finding(ref))


async def judge(control: Control, ref: str, state: FindingState, raw: object) -> View:
    """A person dismisses a finding or opens it again. Raises: BadInput, NotFound, Conflict."""
    given = fields(raw, "by", "note")
    by = text(given, "by", MAX_NAME)
    if not by:
        raise BadInput("by: expected the name of the person who decides", where="by")
    found = await control.store.finding(ref)
    made = await control.store.judge_finding(found.id, state, by, text(given, "note", MAX_NOTE), control.clock.now())
    control.stir()
    return finding_view(made)


def finding_view(found: Finding) -> View:
    """One finding."""
    return {**msgspec.to_builtins(found), "name": found.name}


async def review_view(control: Control, change: Change) -> View | None:
    """Where the reviews of a change stand; None where nobody looks at the project's changes and nobody did."""
    stands = await control.store.review(change.id)
    if not (stands.rules.reviews or stands.reviews or stands.findings):
        return None
    return {
        "head": change.head,
        "reviewed": any(one.head == change.head for one in stands.reviews),
        "stop": stands.stop,
        "blocking": stands.blocking,
        "gate": str(stands.rules.gate),
        "round": len(stands.rounds),
        "rounds": stands.rules.rounds,
        "history": [
            {name: getattr(one, name) for name in ("round", "head", "filed", "fixed", "at")} for one in stands.rounds
        ],
        "reviews": [_review(control, one) for one in stands.reviews],
        "findings": [finding_view(one) for one in sorted(stands.findings, key=_worst_first)],
    }


async def place(control: Control, change: Change) -> View | None:
    """A change's place in the merge queue: 0 while it merges; None for one that is not in it."""
    queue = await control.store.merge_queue(change.project)
    at = next((at for at, one in enumerate(queue) if one.change == change.id), None)
    if at is None:
        return None
    running = sum(one.running for one in queue)
    ahead = [] if queue[at].running else [one.name for one in queue[:at]]
    return {
        "place": 0 if queue[at].running else at + 1 - running,
        "of": len(queue),
        "behind": ahead[:20],
        "job": queue[at].job,
    }


def _worst_first(one: Finding) -> tuple[bool, int, str, int]:
    return (one.state is not FindingState.OPEN, -one.severity.rank, one.path, one.line)


def _review(control: Control, one: Review) -> View:
    agent = control.fleet.get(one.agent)
    return {**msgspec.to_builtins(one), "agent": agent.name if agent else one.agent}
