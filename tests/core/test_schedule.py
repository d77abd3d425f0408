"""When things happen again, and whether fanning out pays."""

from hypothesis import given
from hypothesis import strategies as st

from paddock.core.schedule import backoff, beat_interval, fan_out, jittered, makespan, resting

chances = st.floats(0, 1, exclude_max=True)
lengths = st.lists(st.floats(0, 1_000), min_size=1, max_size=20)


@given(st.integers(1, 10_000), chances, st.integers(1, 5_000), st.integers(1, 500_000))
def test_backoff_is_full_jitter_within_its_bounds(attempt: int, chance: float, base: int, cap: int) -> None:
    ceiling = min(cap, base * 2 ** (min(attempt, 32) - 1))
    assert 0 <= backoff(attempt, chance, base_ms=base, cap_ms=cap) < max(1, ceiling)
    assert backoff(attempt, 0.0, base_ms=base, cap_ms=cap) == 0
    assert backoff(attempt, 1 - 1e-12, base_ms=base, cap_ms=cap) >= ceiling - 1


@given(st.integers(0, 1_000_000), st.integers(50, 600_000), chances)
def test_beats_stretch_with_the_fleet_and_never_shrink(agents: int, asked: int, chance: float) -> None:
    interval = beat_interval(agents, asked)
    assert interval >= asked and agents * 1_000 < 2_000 * (interval + 1)
    assert 0.95 * interval - 1 <= jittered(interval, chance) <= 1.05 * interval


@given(lengths, st.integers(1, 30))
def test_a_makespan_lies_between_the_bounds_of_any_schedule(seconds: list[float], slots: int) -> None:
    least = max(max(seconds), sum(seconds) / slots)
    assert least - 1e-6 <= makespan(seconds, slots) <= sum(seconds) + 1e-6
    assert makespan(seconds, slots) <= least * 2 + 1e-6


@given(lengths, st.integers(0, 30), st.floats(0, 10_000))
def test_fan_out_exactly_when_it_saves_more_than_spawning_costs(seconds: list[float], slots: int, spawn: float) -> None:
    advice = fan_out(seconds, slots, spawn)
    assert advice.fan_out == (sum(seconds) - makespan(seconds, advice.slots) > spawn)
    assert 1 <= advice.slots <= max(1, len(seconds))


def test_one_slot_or_one_job_never_pays() -> None:
    assert not fan_out([10.0] * 5, 1, 0.0).fan_out
    assert not fan_out([10.0], 8, 0.0).fan_out
    assert fan_out([10.0] * 4, 4, 29.9).fan_out and not fan_out([10.0] * 4, 4, 30.0).fan_out


def test_who_rests_beats_less_often_but_never_more_often_than_was_asked() -> None:
    assert [resting(asked) for asked in (300, 29_999, 30_000, 60_000, 100_000, 480_000, 600_000)] == [
        *(300, 29_999),
        *(240_000, 480_000, 480_000, 480_000, 600_000),
    ]
