"""What waits for the store: how many writes, and since when the oldest has."""

import time


class Backlog:
    """Writes that were asked for and are not answered yet. One clock reading each; nothing else is done per write."""

    __slots__ = ("_next", "_since", "failed", "written")

    def __init__(self) -> None:
        # Ticket → monotonic seconds; the oldest first, for tickets only grow.
        self._since: dict[int, float] = {}
        self._next = 0
        # Writes since the process began: all that were answered, and those of them that were not done.
        self.written = 0
        self.failed = 0

    def __len__(self) -> int:
        return len(self._since)

    def enter(self) -> int:
        """A write begins to wait."""
        self._next += 1
        self._since[self._next] = time.monotonic()
        return self._next

    def leave(self, ticket: int, *, failed: bool) -> None:
        """A write is answered."""
        del self._since[ticket]
        self.written += 1
        self.failed += failed

    def oldest(self) -> float:
        """Seconds for which the oldest write has waited; 0 when none waits."""
        for since in self._since.values():
            return time.monotonic() - since
        return 0.0
