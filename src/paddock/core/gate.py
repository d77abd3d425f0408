"""The merge gate: a plain rule over facts, never a model's opinion."""

from collections.abc import Sequence
from dataclasses import dataclass

from paddock.core.states import OPEN_CHANGES, ChangeState


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the gate looks at."""

    state: ChangeState
    head: str
    author: str  # the job that wrote it
    has_checks: bool
    # True = green, False = red, None = not run on this head yet
    checks_green: bool | None
    approved_by: Sequence[str]
    # People who must approve.
    humans: int = 1
    # What reviews and owners have against it, in words.
    objections: Sequence[str] = ()


@dataclass(frozen=True)
class Verdict:
    """The gate's answer; `reasons` says what stands in the way, empty when mergeable."""

    mergeable: bool
    reasons: tuple[str, ...]
    approved_by: tuple[str, ...]


def judge(facts: Facts) -> Verdict:
    """Whether the change may go to the merge queue."""
    reasons = []
    if facts.state not in OPEN_CHANGES:
        reasons.append(f"the change is {facts.state}")
    if facts.has_checks and facts.checks_green is None:
        reasons.append(f"the checks have not run on {facts.head[:12]}")
    if facts.has_checks and facts.checks_green is False:
        reasons.append("the checks are red")
    reasons.extend(facts.objections)
    missing = facts.humans - len(facts.approved_by)
    if missing > 0 and not facts.approved_by:
        reasons.append("no person has approved it" if missing == 1 else f"no person has approved it, {missing} must")
    elif missing > 0:
        reasons.append(f"{missing} more {'person' if missing == 1 else 'people'} must approve it")
    return Verdict(not reasons, tuple(reasons), tuple(facts.approved_by))


def green(exit_code: int, failing: Sequence[str] | None, base_failing: Sequence[str] | None, missing: int) -> bool:
    """Whether one check counts as green.

    `failing` are the tests that fail on the result and `base_failing` those that fail on the base, both None without
    JUnit XML; `missing` counts accepted tests that did not pass. A project that starts red may stay as red as it was,
    never redder.
    """
    if missing:
        return False
    if exit_code == 0:
        return True
    if not failing or base_failing is None:
        return False
    return set(failing) <= set(base_failing)
