"""How often the same thing is written down."""

import time

# The same about the same agent is written down once in so many seconds; what comes between is counted.
QUIET_S = 60.0
# Things that are remembered at a time.
_MOST = 10_000


class Quiet:
    """Keeps whoever sends a thousand bad requests from making a thousand writes."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def due(self, what: str, agent: str) -> int:
        """How many times it was seen since it was written down last; 0 when that was a moment ago."""
        now = time.monotonic()
        at, times = self._seen.get((what, agent), (0.0, 0))
        if at and now - at < QUIET_S:
            self._seen[what, agent] = (at, times + 1)
            return 0
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[what, agent] = (now, 0)
        return times + 1

    def forget(self, what: str, agent: str) -> None:
        """Has it written down at once when it is seen again."""
        self._seen.pop((what, agent), None)
