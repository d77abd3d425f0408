"""The control plane's clock: leases end by it, so it never jumps while the process lives."""

import time

# The most that a shared clock moves at a time, in milliseconds.
STEP_MS = 50


class Clock:
    """Epoch milliseconds: the wall clock of the start, carried on by the monotonic clock."""

    def __init__(self) -> None:
        self._start_wall = time.time_ns()
        self._start = time.monotonic_ns()

    def now(self) -> int:
        """Epoch milliseconds."""
        return (self._start_wall + time.monotonic_ns() - self._start) // 1_000_000


class SharedClock(Clock):
    """The clock of the store that replicas share: a wrong one of their own neither ends leases nor draws them out."""

    def __init__(self, reference: int) -> None:
        super().__init__()
        self._offset = reference - super().now()
        self._last = 0

    def now(self) -> int:
        """Epoch milliseconds; never less than it said before."""
        self._last = max(self._last, super().now() + self._offset)
        return self._last

    def follow(self, reference: int) -> None:
        """Draws nearer to what the store's clock says, a little at a time."""
        drift = reference - super().now() - self._offset
        self._offset += max(-STEP_MS, min(STEP_MS, drift))
