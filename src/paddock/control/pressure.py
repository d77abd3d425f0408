"""Whether this process keeps up: how long writes wait for the store, and how late the event loop is.

When it does not, what can wait is sent away with a time to come again, before anything is spent on it, so that beats
that tell of outcomes or renew leases are answered as soon as the store answers at all.
"""

import asyncio
import math
import time

import msgspec

from paddock.core.errors import Overloaded
from paddock.store.backlog import Backlog

# Beyond these it is behind: seconds for which the oldest write has waited, writes that wait, seconds the loop is late.
STORE_S = 3.0
WRITES = 4_000
LOOP_S = 2.0
TICK_S = 0.5
# With fewer questions than this since the last look, the loop is looked at so seldom.
BUSY, REST_S = 20, 15.0
# The longest that anyone is sent away for, in seconds.
LONGEST_S = 60


class Peek(msgspec.Struct):
    """What of a beat says that it cannot wait. Nothing of it is believed: it only decides who comes first."""

    outcomes: tuple[msgspec.Raw, ...] = ()
    held: tuple[msgspec.Raw, ...] = ()
    health: msgspec.Raw | None = None
    draining: bool = False


_peek = msgspec.json.Decoder(Peek)


def can_wait(body: bytes) -> bool:
    """Whether a beat tells nothing that somebody waits for. One that cannot be read is not for here to judge."""
    try:
        found = _peek.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return not (found.outcomes or found.held or found.health or found.draining)


class Pressure:
    """Measured, never estimated; `shed` counts who was sent away, by what he wanted."""

    def __init__(self, backlog: Backlog) -> None:
        self.backlog = backlog
        self.shed = {"beat": 0, "write": 0}
        # Seconds by which the event loop was late of late.
        self.lag = 0.0
        self._due = 0.0
        # How often somebody asked since the last look at the loop.
        self._asked = 0
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop

    def start(self) -> None:
        """Begins to measure the event loop."""
        self._loop = asyncio.get_running_loop()
        self._look_in(REST_S)

    def stop(self) -> None:
        """Ends the measuring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_in(self, seconds: float) -> None:
        self.stop()
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._due, self._tick)

    def _hurry(self) -> None:
        if self._timer is not None:
            self._look_in(TICK_S)

    def _tick(self) -> None:
        self.lag = max(self._loop.time() - self._due, self.lag / 2)
        calm = self._asked < BUSY and self.lag <= LOOP_S
        self._asked = 0
        self._look_in(REST_S if calm else TICK_S)

    def behind(self) -> float:
        """Seconds by which the process is behind; 0 while it keeps up."""
        self._asked += 1
        if self._asked == BUSY and self._timer is not None and self._due - time.monotonic() > TICK_S:
            self._loop.call_soon_threadsafe(self._hurry)
        waited = self.backlog.oldest()
        if waited > STORE_S or len(self.backlog) > WRITES:
            return max(waited, 1.0)
        late = max(self.lag, time.monotonic() - self._due if self._timer else 0.0)
        return late if late > LOOP_S else 0.0

    def admit(self, what: str, spread: float = 0.0) -> None:
        """Lets a request in that can wait. `spread`: seconds over which those who are sent away should come again.

        Raises: Overloaded.
        """
        behind = self.behind()
        if behind:
            self.shed[what] += 1
            raise Overloaded(retry_after=min(LONGEST_S, max(1, math.ceil(max(behind, spread)))))
