"""The time on an agent: a host's clock that is set back or ahead revives nothing and refuses nothing."""

from pathlib import Path

import pytest

from paddock.agent.clock import Clock
from paddock.agent.intake import Refusal
from paddock.agent.journal import MOMENT_MS, Journal
from support.orders import NOW, gate, grant, order

DAY = 86_400_000


class Host:
    """A clock that anybody may set, and one that nobody can."""

    def __init__(self, wall: int = NOW) -> None:
        self.wall, self.steady = wall, 0

    def clock(self, floor: int = 0) -> Clock:
        return Clock(floor, lambda: self.wall, lambda: self.steady)


def test_setting_the_clock_changes_nothing_in_a_process() -> None:
    host = Host()
    clock = host.clock()
    host.wall -= 2 * DAY
    host.steady += 5_000
    assert clock.now() == NOW + 5_000
    clock.heard(NOW + 7_000)
    assert (clock.now(), clock.behind) == (NOW + 7_000, 2 * DAY + 7_000)
    clock.signed(NOW + 9_000)
    assert clock.now() == NOW + 9_000
    clock.heard(NOW - DAY)  # whoever stands in the middle cannot turn it back behind what was signed
    assert clock.now() == NOW + 9_000


def test_an_expired_order_stays_expired_when_the_clock_is_two_days_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.db")
    fresh = order(job="j2", nbf=NOW, exp=NOW + 900_000)
    journal.accept([(gate(journal, now=Host().clock().now).open(grant(fresh)), b"{}")])
    journal.close()
    again = Journal(tmp_path / "agent.db")
    assert again.latest() == NOW
    old = order(nbf=NOW - DAY, exp=NOW - DAY + 900_000)
    restarted = Host(NOW - 2 * DAY).clock(again.latest())
    with pytest.raises(Refusal) as caught:
        gate(again, now=restarted.now).open(grant(old))
    assert caught.value.told == "expired"


def test_a_clock_two_hours_ahead_refuses_nothing_that_is_good(tmp_path: Path) -> None:
    clock = Host(NOW + 2 * 3_600_000).clock()
    with pytest.raises(Refusal):
        gate(Journal(tmp_path / "agent.db"), now=clock.now).open(grant(order()))
    clock.heard(NOW)
    assert clock.behind == -2 * 3_600_000
    gate(Journal(tmp_path / "agent.db"), now=clock.now).open(grant(order()))


def test_the_moment_is_written_once_a_minute(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.db")
    for number, later in enumerate((0, 1, MOMENT_MS, MOMENT_MS + 1)):
        given = order(job=f"k{number}", nbf=NOW + later, exp=NOW + later + 900_000)
        journal.accept([(given, b"{}")])
    assert journal.latest() == NOW + MOMENT_MS + 1
