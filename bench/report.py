"""What a bench found: figures beside a floor that was measured in the same run, and the budget they are held to."""

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

R = TypeVar("R")


class Limit(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a figure is held to: at most, at least, or both."""

    most: float | None = None
    least: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a figure keeps it."""
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def words(self) -> str:
        """The limit as people read it."""
        parts = [f"≤ {self.most:g}" if self.most is not None else "", f"≥ {self.least:g}" if self.least else ""]
        return " ".join(part for part in parts if part)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One bench. Units stand in the names of the figures; they are of the best of `runs` runs unless they say more."""

    name: str
    about: str
    figures: dict[str, float]
    floor: dict[str, float]
    budget: dict[str, Limit]
    runs: int
    notes: tuple[str, ...] = ()

    @property
    def missed(self) -> list[str]:
        """The budgets that are not kept; one whose figure could not be measured here is not kept."""
        return [name for name, limit in self.budget.items() if not self._keeps(name, limit)]

    def _keeps(self, name: str, limit: Limit) -> bool:
        return name in self.figures and limit.holds(self.figures[name])

    def json(self) -> bytes:
        """The report as one JSON object."""
        tree = {
            "name": self.name,
            "about": self.about,
            "figures": {name: tidy(value) for name, value in self.figures.items()},
            "floor": {name: tidy(value) for name, value in self.floor.items()},
            "budget": self.budget,
            "ok": not self.missed,
            "missed": self.missed,
            "runs": self.runs,
            "notes": self.notes,
        }
        return msgspec.json.encode(tree)

    def table(self) -> str:
        """The report as lines for people."""
        rows = [("", name, value, self.budget.get(name)) for name, value in self.figures.items()]
        rows += [("floor", name, value, None) for name, value in self.floor.items()]
        wide = max(len(name) for _, name, _, _ in rows)
        lines = [f"{self.name}: {self.about} ({self.runs} runs)"]
        for kind, name, value, limit in rows:
            held = "" if limit is None else f"   {limit.words():<8} {'ok' if limit.holds(value) else 'MISSED'}"
            lines.append(f"  {kind:<6}{name:<{wide}}  {_shown(value):>12}{held}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes), ""])


def tidy(value: float) -> float:
    """A figure without the digits that no clock of ours can tell."""
    return value if isinstance(value, int) else round(value, 3)


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least `part` of the values do not exceed."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-part * len(ordered) // 1) - 1))]


def best(runs: Sequence[R], cost: Callable[[R], float]) -> R:
    """The run that the machine's other work disturbed least: the one with the lowest cost."""
    return min(runs, key=cost)


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
