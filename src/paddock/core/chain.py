"""The journal as a chain: rows are sealed in batches, and each seal stands on the one before it.

A seal keeps a mark of every row, so that one that was changed is named, not only suspected. What was rewritten with
all its marks and seals is found by the signed checkpoints, and what was cut off by whoever was handed a later one.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

# The link before the first seal.
GENESIS = "0" * 64
# Rows that one seal holds at most.
BATCH = 1_000
_SEQ, _DIGEST = 8, 24
MARK = _SEQ + _DIGEST


class Row(NamedTuple):
    """One row of the journal as it is stored; `data` is its JSON text, byte for byte."""

    seq: int
    at: int
    type: str
    job: str | None
    agent: str | None
    data: str


@dataclass(frozen=True, kw_only=True)
class Seal:
    """The rows behind the seal before it, up to `last`: a mark of each, and the head of the chain with them."""

    number: int
    last: int
    at: int
    marks: bytes
    head: str

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return len(self.marks) // MARK


class Fault(NamedTuple):
    """The first thing that does not fit: the row where it begins, the seal that holds it, and what it is.

    `what` is edited, deleted, inserted, relinked, unsigned, missing or forked.
    """

    seq: int
    seal: int
    what: str
    detail: str


def mark(row: Row) -> bytes:
    """The row's number and a digest of all that is stored of it; each field goes in with its length."""
    texts = ("-" if text is None else f"={text}" for text in (row.type, row.job, row.agent, row.data))
    fields = [str(row.at).encode(), *(text.encode("utf-8", "surrogatepass") for text in texts)]
    number = row.seq.to_bytes(_SEQ, "big")
    body = b"".join(b"%d:%b" % (len(field), field) for field in fields)
    return number + hashlib.sha256(number + body).digest()[:_DIGEST]


def seal(before: Seal | None, rows: Iterable[Row], at: int) -> Seal:
    """The next seal, over rows in their order; `at` is epoch milliseconds."""
    taken = list(rows)
    number = before.number + 1 if before else 1
    marks = b"".join(map(mark, taken))
    return Seal(number=number, last=taken[-1].seq, at=at, marks=marks, head=head_of(before, number, marks))


def head_of(before: Seal | None, number: int, marks: bytes) -> str:
    """The head of the chain with this seal, in hex."""
    ground = before.head if before else GENESIS
    return hashlib.sha256(b"%b %d %b" % (ground.encode(), number, marks)).hexdigest()


def check(before: Seal | None, given: Seal, rows: Iterable[Row]) -> Fault | None:
    """Holds a seal against the one before it and the rows that are stored now; the first fault, or None."""
    first = before.last + 1 if before else 1
    if given.number != (before.number + 1 if before else 1):
        return Fault(first, given.number - 1, "missing", "a seal is not there any more")
    fault = _compare(given, rows)
    if fault is None and head_of(before, given.number, given.marks) != given.head:
        return Fault(first, given.number, "relinked", "its rows were sealed anew, and the chain does not hold")
    return fault


def _compare(given: Seal, rows: Iterable[Row]) -> Fault | None:
    marks = iter(_marks(given.marks))
    expected = next(marks, None)
    for row in rows:
        found = mark(row)
        number = found[:_SEQ]
        if expected is None or number < expected[:_SEQ]:
            return Fault(row.seq, given.number, "inserted", "the row was not there when it was sealed")
        if number > expected[:_SEQ]:
            break
        if found != expected:
            return Fault(row.seq, given.number, "edited", "the row is not what was sealed")
        expected = next(marks, None)
    if expected is not None:
        return Fault(int.from_bytes(expected[:_SEQ], "big"), given.number, "deleted", "the row is not there any more")
    return None


def _marks(marks: bytes) -> Iterator[bytes]:
    return (marks[at : at + MARK] for at in range(0, len(marks), MARK))


class Witnessed(NamedTuple):
    """What somebody was told of the chain: seal `number`, made at `at` (epoch milliseconds), has this head."""

    number: int
    head: str
    at: int


def contradicts(kept: Witnessed, told: Witnessed) -> str:
    """What is wrong when a chain of which `kept` was known is now told as `told`; empty when both can be true.

    An older seal proves nothing: a replica may be a moment behind. An older number that was sealed later does, for
    numbers never come twice.
    """
    if told.number == kept.number and told.head != kept.head:
        return f"seal {told.number} has another head than before: the journal was rewritten"
    if told.number < kept.number and told.at > kept.at:
        return f"seal {told.number} was made after seal {kept.number}: the journal was cut off"
    return ""
