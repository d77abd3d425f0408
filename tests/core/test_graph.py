"""The graph of a batch: what is wrong is named, and what waits makes urgent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.errors import BadInput
from paddock.core.graph import check, urgency


def test_an_unknown_id_is_named() -> None:
    with pytest.raises(BadInput, match="job 'a' depends on unknown id 'nope'"):
        check({"a": ["nope"]})
    assert check({"a": ["old"]}, known=["old"]) == ["a"]


def test_a_job_that_waits_for_itself_is_named() -> None:
    with pytest.raises(BadInput, match="job 'a' depends on itself"):
        check({"a": ["a"]})


def test_a_cycle_is_named_whole() -> None:
    with pytest.raises(BadInput, match="a -> b -> c -> a"):
        check({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]})


def test_a_chain_of_twenty_thousand_is_no_stack_overflow() -> None:
    chain = {str(n): [str(n + 1)] if n < 19_999 else [] for n in range(20_000)}
    assert check(chain)[0] == "19999"


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Graphs without a cycle: each job waits for earlier ones only."""
    size = draw(st.integers(1, 12))
    return {
        str(n): [str(m) for m in draw(st.lists(st.integers(0, n - 1), unique=True, max_size=4))] if n else []
        for n in range(size)
    }


@given(graphs())
def test_the_order_runs_every_job_after_what_it_waits_for(needs: dict[str, list[str]]) -> None:
    order = check(needs)
    assert sorted(order) == sorted(needs)
    assert all(order.index(other) < order.index(job) for job in needs for other in needs[job])


@given(graphs(), st.data())
def test_a_job_is_exactly_as_urgent_as_the_most_urgent_that_waits(
    needs: dict[str, list[str]], data: st.DataObject
) -> None:
    given_ = {job: data.draw(st.integers(1, 10)) for job in needs}

    def most(job: str) -> int:
        return max([given_[job], *(most(other) for other in needs if job in needs[other])])

    assert urgency(given_, needs) == {job: most(job) for job in needs}
