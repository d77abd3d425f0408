"""When the reaper goes round next at the latest, so that it sleeps while there is nothing to care for."""

import asyncio
from collections.abc import Callable


class Alarm:
    """Set by the reaper before it rests. Whoever brings it something to care for meanwhile draws it nearer."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Goes off in so many seconds, whatever was set before."""
        self.stop()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._off)

    def by(self, seconds: float) -> None:
        """Goes off within so many seconds, if it is set at all: a reaper that is awake looks for itself."""
        if self._timer is not None and self._timer.when() > asyncio.get_running_loop().time() + seconds:
            self.set(seconds)

    def stop(self) -> None:
        """Is set no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _off(self) -> None:
        self._timer = None
        self._ring()
