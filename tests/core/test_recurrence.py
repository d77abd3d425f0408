"""Recurrence: cron in a zone, also where clocks are put forward or back, and intervals."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.errors import BadInput
from paddock.core.recurrence import SHORTHANDS, Recurrence, check, next_after

BERLIN = ZoneInfo("Europe/Berlin")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000)


def times(cron: str, start: str, count: int, zone: ZoneInfo = BERLIN) -> list[str]:
    """The next times in UTC."""
    of, at, out = Recurrence(cron=cron, zone=zone), ms(start), []
    for _ in range(count):
        found = next_after(of, at, 0)
        assert found is not None and found > at
        at = found
        out.append(datetime.fromtimestamp(at / 1_000, UTC).strftime("%m-%d %H:%M"))
    return out


def test_a_time_of_day_is_that_of_the_zone() -> None:
    assert times("30 8 * * *", "2026-01-10T00:00Z", 1) == ["01-10 07:30"]
    assert times("30 8 * * *", "2026-07-10T00:00Z", 1) == ["07-10 06:30"]


def test_a_time_that_the_clock_leaves_out_comes_right_after() -> None:
    # On 2026-03-29 at 02:00 clocks in Berlin are put forward to 03:00, which is 01:00 UTC.
    assert times("30 2 * * *", "2026-03-28T12:00Z", 2) == ["03-29 01:00", "03-30 00:30"]


def test_a_time_that_the_clock_shows_twice_comes_once() -> None:
    # On 2026-10-25 at 03:00 clocks in Berlin are put back to 02:00.
    assert times("30 2 * * *", "2026-10-24T12:00Z", 2) == ["10-25 00:30", "10-26 01:30"]
    # Also when it is asked in the hour that comes again.
    assert times("30 2 * * *", "2026-10-25T01:10Z", 1) == ["10-26 01:30"]


def test_what_goes_by_the_passing_time_misses_no_hour() -> None:
    assert times("*/30 * * * *", "2026-10-25T00:15Z", 4) == ["10-25 00:30", "10-25 01:00", "10-25 01:30", "10-25 02:00"]
    assert times("0 * * * *", "2026-03-28T23:30Z", 3) == ["03-29 00:00", "03-29 01:00", "03-29 02:00"]


@given(st.integers(0, 4 * 10**12), st.sampled_from(["*/7 * * * *", "0 2 * * *", "15 2,3 * * 0", "0 0 1 * *"]))
def test_the_next_time_lies_ahead_and_fits(moment: int, cron: str) -> None:
    found = next_after(Recurrence(cron=cron, zone=BERLIN), moment, 0)
    assert found is not None and found > moment and found % 60_000 == 0
    assert found - moment < timedelta(days=32) // timedelta(milliseconds=1)


@given(st.integers(1_000, 10**9), st.integers(0, 10**13), st.integers(0, 10**13))
def test_an_interval_keeps_its_beat(every: int, anchor: int, moment: int) -> None:
    found = next_after(Recurrence(every=every), moment, anchor)
    assert found is not None and found > moment and (found - anchor) % every == 0
    assert found == anchor + every or found - every <= moment


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (Recurrence(), "either cron or every"),
        (Recurrence(cron="* * * * *", every=5_000), "either cron or every"),
        (Recurrence(cron="* * *"), "five fields are expected, 3 are given"),
        (Recurrence(cron="0 0 * * * *"), "five fields are expected, 6 are given"),
        (Recurrence(cron="61 * * * *"), "cron: bad minute in '61 [*] [*] [*] [*]'"),
        (Recurrence(cron="0 0 31 2 *"), "cron: bad day-of-month"),
        (Recurrence(every=10), "every: expected 1 second"),
    ],
    ids=str,
)
def test_what_cannot_recur_is_refused(of: Recurrence, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        check(of)


@pytest.mark.parametrize("word", SHORTHANDS)
def test_shorthands_are_taken(word: str) -> None:
    check(Recurrence(cron=word))
