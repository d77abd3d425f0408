"""What a run of `./dev chaos findings` has to tell."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Found:
    """What a run has to tell; `wrong` is empty when all is well."""

    defects: int
    changes: int
    right: int
    seed: int
    seconds: float = 0.0
    by_kind: Counter[str] = field(default_factory=Counter)
    # Every defect is merged as mended, mended on a change that another defect keeps from merging, or listed as open.
    mended: int = 0
    waiting: int = 0
    listed: int = 0
    merges: int = 0
    commits: int = 0
    stops: Counter[str] = field(default_factory=Counter)
    # Rounds of mending → changes that had so many.
    rounds: Counter[int] = field(default_factory=Counter)
    reviews: int = 0
    fixes: int = 0
    # What the fixer did with each finding that it was given; of all it said that they are mended.
    tries: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def lies(self) -> int:
        """How often the fixer said that something is mended, and it was not."""
        return self.tries["nothing"] + self.tries["sham"]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"ok": not self.wrong, "lies": self.lies, **self.__dict__}


def table(found: Found) -> str:
    """The figures as people read them."""
    kinds = ", ".join(f"{count} {name}" for name, count in sorted(found.by_kind.items()))
    stops = ", ".join(f"{count} by {why}" for why, count in sorted(found.stops.items())) or "none"
    rounds = ", ".join(f"{count} after {rounds}" for rounds, count in sorted(found.rounds.items()))
    tries = sum(found.tries.values())
    lines = [
        f"{found.defects} defects in {found.changes} changes, {found.seconds:.0f} s: {kinds}",
        f"{found.mended} mended and merged, {found.listed} listed as open, {found.waiting} mended beside one of those",
        f"{found.merges} changes merged, each approved by a person on the head that was merged; stopped: {stops}",
        f"rounds of mending: {rounds}; {found.fixes} runs of fixers, {found.reviews} reviews",
        f"the fixer said so in each of {tries} tries and was right in {found.tries['mended']}: {found.lies} lies, "
        f"{found.tries['sham']} of them with a diff",
        *(f"approved by {who}: {said}" for who, said in sorted(found.refused.items())),
        *(
            found.wrong[:30]
            if found.wrong
            else [f"none of the {found.commits} commits of the branch has any of the defects"]
        ),
    ]
    return "\n".join(lines)
