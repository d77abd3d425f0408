"""What agents may spend: time, money and tokens in a day, since a change of theirs was last merged, and on one job."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

DAY_MS = 86_400_000
# The budget of the whole fleet stands under this name.
FLEET = ""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Bounds, 0 for none: `a_day` and `since_merge` are seconds of agents' time, money is millionths.

    What is spent since a merge stops everything until a person goes on; a day's bound has jobs wait; `*_job` is the
    budget of each job that has none of its own.
    """

    a_day: int = 0
    since_merge: int = 0
    money_day: int = 0
    money_merge: int = 0
    money_job: int = 0
    tokens_day: int = 0
    tokens_merge: int = 0
    tokens_job: int = 0


BOUNDS = ("money_day", "money_merge", "money_job", "tokens_day", "tokens_merge", "tokens_job")


def used_up(budget: Budget, day_ms: int, merge_ms: int) -> str:
    """Why nothing more may start; empty while something may. The times are milliseconds spent."""
    if budget.a_day and day_ms >= budget.a_day * 1_000:
        return f"{day_ms // 1_000} s were spent within a day, {budget.a_day} s may be"
    if budget.since_merge and merge_ms >= budget.since_merge * 1_000:
        return f"{merge_ms // 1_000} s were spent since a change was last merged, {budget.since_merge} s may be"
    return ""


def used_up_since_merge(budget: Budget, money: int, tokens: int, words: Callable[[int], str]) -> str:
    """The same for money, in millionths, and tokens that were spent since a merge; `words` tells an amount of money."""
    if budget.money_merge and money >= budget.money_merge:
        return f"{words(money)} were spent since a change was last merged, {words(budget.money_merge)} may be"
    if budget.tokens_merge and tokens >= budget.tokens_merge:
        return f"{tokens:,} tokens were spent since a change was last merged, {budget.tokens_merge:,} may be"
    return ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one kind of job of one project cost; `risk_ms` is what the `live` ones of its runs may still take."""

    project: str
    kind: str
    runs: int
    ms: int
    risk_ms: int = 0
    live: int = 0


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
            live=old.live + line.live,
        )
    return sorted(found.values(), key=lambda line: (-line.ms, line.project, line.kind))
