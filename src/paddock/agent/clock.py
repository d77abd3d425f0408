"""What time it is for an agent: the control plane's time as last heard, and never before what it has signed."""

import time
from collections.abc import Callable

# A host's clock that is further off than this is told, and told again after a while; milliseconds.
SKEW_MS, TELL_AGAIN_MS = 300_000, 3_600_000
# With one that is further off than this, no work is asked for.
ASTRAY_MS = 3_600_000
Millis = Callable[[], int]


def _local() -> int:
    return time.time_ns() // 1_000_000


def _steady() -> int:
    """Goes on while the machine sleeps, and nobody sets it."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


class Clock:
    """Epoch milliseconds, carried on by a clock that nobody can set.

    `floor` is a moment that has passed, from the journal: so turning the host's clock back revives nothing that has
    expired, and ends no grace later, not even over a restart.
    """

    def __init__(self, floor: int, local: Millis = _local, steady: Millis = _steady) -> None:
        self._local, self._steady = local, steady
        self._at, self._since = max(local(), floor), steady()
        self._floor = floor
        # How far the control plane's clock is ahead of this host's, in milliseconds, as last heard.
        self.behind = 0
        self._tells_at = 0

    def now(self) -> int:
        """Epoch milliseconds."""
        return self._at + self._steady() - self._since

    def heard(self, now: int) -> None:
        """Takes over what the control plane's answer says."""
        self.behind = now - self._local()
        self._at, self._since = max(now, self._floor), self._steady()

    @property
    def astray(self) -> bool:
        """Whether the host's clock is so far off that its runs are better not begun."""
        return abs(self.behind) > ASTRAY_MS

    def telling(self) -> bool:
        """Whether it is to be told that the host's clock is off: now, and not again for an hour."""
        if abs(self.behind) <= SKEW_MS or self._steady() < self._tells_at:
            return False
        self._tells_at = self._steady() + TELL_AGAIN_MS
        return True

    def signed(self, moment: int) -> None:
        """Takes note of a moment that the control plane has signed: it cannot be earlier than that."""
        self._floor = max(self._floor, moment)
        if moment > self.now():
            self._at, self._since = moment, self._steady()
