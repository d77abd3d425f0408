"""The control plane's clock: leases end by it, so it never jumps while the process lives."""

import time


class Clock:
    """Epoch milliseconds: the wall clock of the start, carried on by the monotonic clock."""

    def __init__(self) -> None:
        self._start_wall = time.time_ns()
        self._start = time.monotonic_ns()

    def now(self) -> int:
        """Epoch milliseconds."""
        return (self._start_wall + time.monotonic_ns() - self._start) // 1_000_000
