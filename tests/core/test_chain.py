"""The journal's chain: whatever is changed in it is named where it begins."""

from typing import Any

import pytest

from paddock.core import chain
from paddock.core.chain import Fault, Row, Seal, Witnessed


def row(seq: int, **more: Any) -> Row:
    return Row(seq=seq, at=1_000 + seq, type="job.done", job=f"j{seq}", agent=None, data="{}")._replace(**more)


# Numbers may have gaps, as PostgreSQL leaves them.
ROWS = [row(seq) for seq in (1, 2, 3, 5, 6, 9, 10, 11, 12)]


def sealed() -> list[Seal]:
    first = chain.seal(None, ROWS[:4], 50)
    second = chain.seal(first, ROWS[4:7], 60)
    return [first, second, chain.seal(second, ROWS[7:], 70)]


def first_fault(seals: list[Seal], rows: list[Row]) -> Fault | None:
    before: Seal | None = None
    for seal in seals:
        start = before.last if before else 0
        fault = chain.check(before, seal, [one for one in rows if start < one.seq <= seal.last])
        if fault is not None:
            return fault
        before = seal
    return None


def test_what_is_as_it_was_sealed_has_no_fault() -> None:
    assert first_fault(sealed(), ROWS) is None
    assert [seal.rows for seal in sealed()] == [4, 3, 2]


@pytest.mark.parametrize("at", range(len(ROWS)))
@pytest.mark.parametrize(
    "change",
    [{"at": 7}, {"type": "job.lost"}, {"job": None}, {"agent": ""}, {"agent": "None"}, {"data": "{ }"}],
    ids=str,
)
def test_an_edited_row_is_named(at: int, change: dict[str, Any]) -> None:
    rows = [*ROWS]
    rows[at] = rows[at]._replace(**change)
    fault = first_fault(sealed(), rows)
    assert fault is not None
    assert (fault.seq, fault.what) == (ROWS[at].seq, "edited")


@pytest.mark.parametrize("at", range(len(ROWS)))
def test_a_deleted_row_is_named(at: int) -> None:
    fault = first_fault(sealed(), ROWS[:at] + ROWS[at + 1 :])
    assert fault is not None
    assert (fault.seq, fault.what) == (ROWS[at].seq, "deleted")


@pytest.mark.parametrize("seq", [4, 7, 8])
def test_an_inserted_row_is_named(seq: int) -> None:
    fault = first_fault(sealed(), sorted([*ROWS, row(seq)]))
    assert fault is not None
    assert (fault.seq, fault.what) == (seq, "inserted")


def test_fields_cannot_be_moved_into_each_other() -> None:
    one, other = row(1, job="ab", agent="c"), row(1, job="a", agent="bc")
    assert chain.mark(one) != chain.mark(other)


def test_a_seal_that_was_made_anew_breaks_the_chain_behind_it() -> None:
    seals = sealed()
    rows = [*ROWS]
    rows[1] = rows[1]._replace(data='{"by":"nobody"}')
    seals[0] = chain.seal(None, rows[:4], 50)
    fault = first_fault(seals, rows)
    assert fault is not None
    assert (fault.seal, fault.what) == (2, "relinked")


def test_a_seal_that_is_gone_is_named() -> None:
    first, _, third = sealed()
    fault = first_fault([first, third], ROWS)
    assert fault is not None
    assert (fault.seq, fault.seal, fault.what) == (6, 2, "missing")


def test_witnesses_believe_what_can_be_true_and_nothing_else() -> None:
    kept = Witnessed(5, "a" * 64, 1_000)
    assert chain.contradicts(kept, Witnessed(6, "b" * 64, 2_000)) == ""
    assert chain.contradicts(kept, kept) == ""
    assert chain.contradicts(kept, Witnessed(4, "c" * 64, 900)) == ""  # a replica that is a moment behind
    assert "rewritten" in chain.contradicts(kept, Witnessed(5, "b" * 64, 1_000))
    assert "cut off" in chain.contradicts(kept, Witnessed(3, "d" * 64, 1_500))
