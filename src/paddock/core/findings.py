"""Findings: what reviews found, known again by their place and what stands there."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

# Findings that one review tells; beyond them only their number is known.
MOST = 100
MAX_WORDS = 500


class Severity(StrEnum):
    """How bad a finding is, the least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Severity).index(self)


class FindingState(StrEnum):
    """Where a finding stands."""

    OPEN = "open"  # the last review of the change found it
    FIXED = "fixed"  # a later review looked and did not find it
    DISMISSED = "dismissed"  # a person said that it need not be fixed


Short = Annotated[str, Meta(min_length=1, max_length=64)]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as a reviewer tells it; `line` is 0 where it is about a whole file, `path` empty for a whole change."""

    reviewer: Short
    rule: Annotated[str, Meta(min_length=1, max_length=100)]
    path: Annotated[str, Meta(max_length=MAX_WORDS)] = ""
    line: Annotated[int, Meta(ge=0, le=2**31)] = 0
    severity: Severity = Severity.MEDIUM
    message: Annotated[str, Meta(max_length=MAX_WORDS)] = ""
    # What stands at the place, as far as it may be told: the line itself, or a digest of it where it is a secret.
    context: Annotated[str, Meta(max_length=MAX_WORDS)] = ""

    @property
    def name(self) -> str:
        """The reviewer and its rule, such as `ruff/F401`."""
        return f"{self.reviewer}/{self.rule}"


def fingerprint(told: Told, nth: int = 0) -> str:
    """What a finding is known by: file, rule and normalised context, never the line's number, which any edit moves.

    `nth` tells apart those that are alike in one review. 20 hexadecimal digits.
    """
    context = " ".join(told.context.split())
    text = "\0".join((told.path, told.name, context, str(nth)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def fingerprints(told: Sequence[Told]) -> list[str]:
    """The fingerprint of each finding of one review, no two alike."""
    alike: Counter[str] = Counter()
    out = []
    for finding in told:
        first = fingerprint(finding)
        out.append(first if not alike[first] else fingerprint(finding, alike[first]))
        alike[first] += 1
    return out


def decode(raw: object) -> tuple[list[Told], int]:
    """The findings that a review tells, the worst first, and how many there are beyond what is kept or can be read."""
    listed = raw if isinstance(raw, list) else []
    found = []
    for item in listed:
        with suppress(msgspec.ValidationError):
            found.append(msgspec.convert(item, Told))
    found.sort(key=lambda told: -told.severity.rank)
    return found[:MOST], len(listed) - len(found[:MOST])


@dataclass(frozen=True)
class Merged:
    """What a review says of the findings known so far, all by fingerprint."""

    new: tuple[str, ...]
    still: tuple[str, ...]
    # Open before and not found again.
    fixed: tuple[str, ...]
    # Fixed before and found again.
    back: tuple[str, ...]


def merge(known: Mapping[str, FindingState], seen: Sequence[str], *, whole: bool) -> Merged:
    """Joins a review's findings with the ledger.

    What the review did not see counts as fixed only when it is `whole`: all reviewers ran and told all they found.
    """
    there = set(seen)
    return Merged(
        new=tuple(one for one in seen if one not in known),
        still=tuple(one for one in seen if known.get(one) in (FindingState.OPEN, FindingState.DISMISSED)),
        fixed=tuple(one for one, state in known.items() if whole and state is FindingState.OPEN and one not in there),
        back=tuple(one for one in seen if known.get(one) is FindingState.FIXED),
    )
