"""What agents may spend: seconds of their time in a day, and since a change of theirs was last merged."""

from collections.abc import Sequence
from dataclasses import dataclass

DAY_MS = 86_400_000
# The budget of the whole fleet stands under this name.
FLEET = ""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Bounds in seconds, 0 for none."""

    a_day: int = 0
    since_merge: int = 0


def used_up(budget: Budget, day_ms: int, merge_ms: int) -> str:
    """Why nothing more may start; empty while something may. The times are milliseconds spent."""
    if budget.a_day and day_ms >= budget.a_day * 1_000:
        return f"{day_ms // 1_000} s were spent within a day, {budget.a_day} s may be"
    if budget.since_merge and merge_ms >= budget.since_merge * 1_000:
        return f"{merge_ms // 1_000} s were spent since a change was last merged, {budget.since_merge} s may be"
    return ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one kind of job of one project cost; `risk_ms` is what runs may still take."""

    project: str
    kind: str
    runs: int
    ms: int
    risk_ms: int = 0


def joined(lines: Sequence[Line]) -> list[Line]:
    """One line for each project and kind, the dearest first."""
    found: dict[tuple[str, str], Line] = {}
    for line in lines:
        key = (line.project, line.kind)
        old = found.get(key, Line(project=line.project, kind=line.kind, runs=0, ms=0))
        found[key] = Line(
            project=line.project,
            kind=line.kind,
            runs=old.runs + line.runs,
            ms=old.ms + line.ms,
            risk_ms=old.risk_ms + line.risk_ms,
        )
    return sorted(found.values(), key=lambda line: (-line.ms, line.project, line.kind))
