"""Who may start: limits are kept, nothing that could start is left, and projects get their shares."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.errors import BadInput
from paddock.core.limits import Head, Level, Limit, Room, Shares, check, choose

LANES = ("p|noop|", "p|noop||a", "p|command|gpu|a,b", "q|noop||b", "q|command|gpu", "r|noop|")
ANY = st.sampled_from(["", "p", "q"])

heads = st.lists(
    st.builds(
        Head,
        less_urgent=st.integers(-10, -1),
        id=st.uuids().map(str),
        lane=st.sampled_from(LANES),
        exclusive=st.sampled_from([None, None, None, "x", "y"]),
    ),
    max_size=30,
)
limits = st.builds(
    Limit,
    key=st.sampled_from(["", "a", "b"]),
    project=ANY,
    kind=st.sampled_from(["", "noop"]),
    capability=st.sampled_from(["", "gpu"]),
    most=st.integers(0, 6),
).filter(lambda limit: limit.name != "")
levels = st.lists(limits, max_size=5, unique_by=lambda limit: limit.name).map(
    lambda found: [Level(name=limit.name, limit=limit, live=1) for limit in found]
)
weights = st.dictionaries(st.sampled_from("pqr"), st.integers(0, 5))


@given(heads, levels, weights, st.integers(0, 12), st.randoms(use_true_random=False))
def test_limits_are_kept_and_nothing_is_left_that_could_start(
    found: list[Head], levels: list[Level], weights: dict[str, int], want: int, dice: random.Random
) -> None:
    chosen = choose(found, want, Room(levels), Shares(weights=weights), dice.random)
    assert len(chosen) <= want and len({head.id for head in chosen}) == len(chosen)
    keys = [head.exclusive for head in chosen if head.exclusive]
    assert len(keys) == len(set(keys))
    for level in levels:
        assert sum(level.limit.covers(head.lane) for head in chosen) <= level.room
    if len(chosen) < want:
        after = Room(levels)
        assert all(after.take(head.lane) for head in chosen)
        left = [head for head in found if head not in chosen and head.exclusive not in keys]
        assert not any(after.left(head.lane) for head in left)


@given(heads, st.integers(0, 12), st.sampled_from([{}, dict.fromkeys("pqr", 0)]))
def test_alone_or_without_weights_urgency_and_age_decide(found: list[Head], want: int, weights: dict[str, int]) -> None:
    if not weights:
        found = [head for head in found if head.lane.startswith("p|")]
    plain = [head for head in found if head.exclusive is None]
    assert choose(plain, want, Room(()), Shares(weights=weights), lambda: 0.5) == sorted(plain)[:want]


@given(st.dictionaries(st.sampled_from("pqr"), st.integers(1, 4), min_size=2), st.integers(1, 40))
def test_shares_are_kept_to_one_lease(weights: dict[str, int], want: int) -> None:
    many = [Head(less_urgent=-5, id=f"{p}{at:03d}", lane=f"{p}|noop|") for p in weights for at in range(40)]
    chosen = choose(many, want, Room(()), Shares(weights=weights), random.Random(1).random)
    counts = {project: sum(head.lane[0] == project for head in chosen) for project in weights}
    for one in weights:
        for other in weights:
            # When it took its last lease, it had no more for its weight than any other.
            assert (counts[one] - 1) / weights[one] <= counts[other] / weights[other] + 1e-9


def test_the_lot_is_weighted() -> None:
    dice = random.Random(7)
    pair = [Head(less_urgent=-9, id="a", lane="p|noop|"), Head(less_urgent=-1, id="b", lane="q|noop|")]
    first = [choose(pair, 1, Room(()), Shares(weights={"q": 3}), dice.random)[0].id for _ in range(2_000)]
    assert 0.70 < first.count("b") / len(first) < 0.80


def test_a_level_says_when_it_opens() -> None:
    rate = Limit(key="a", starts=2, window_ms=1_000)
    full = Level(name="a", limit=rate, started=2, oldest=5_000)
    assert (full.room, full.opens) == (0, 6_000)
    both = Level(name="k", limit=Limit(kind="noop", most=1), live=1)
    assert (both.room, both.opens) == (0, None)
    assert Room([full]).opens("p|noop||a") == 6_000
    assert Room([full, both]).opens("p|noop||a") is None, "a lease must end first"
    assert Room([full]).left("p|noop||b") == math.inf
    assert Room([full]).timed("p|noop||a") == ["a"]


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        (Limit(most=1), "a limit is about"),
        (Limit(key="a"), "a limit bounds"),
        (Limit(key="a", most=-1), "most: expected"),
        (Limit(key="a", starts=1), "starts and seconds"),
        (Limit(key="a", starts=0, window_ms=1_000), "starts: expected"),
        (Limit(key="a", starts=1, window_ms=1), "seconds: expected"),
    ],
    ids=str,
)
def test_a_limit_without_sense_is_refused(limit: Limit, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        check(limit)
