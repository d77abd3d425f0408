"""The control plane's own pulse: leases that ran out, jobs whose delay is over, schedules, idle agents to wake.

It is no job in the queue that it repairs. It distrusts itself first: when it finds that it slept (a suspended machine,
a blocked process), everyone gets one full lease, for nobody could renew meanwhile.
"""

import asyncio
import contextlib
import logging
import time

from paddock.control import dispatch, offer, schedules, state
from paddock.control.plane import Control
from paddock.core.errors import PaddockError

_log = logging.getLogger("paddock.control")
TICK_S = 1.0


class Reaper:
    """One task beside the server."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._task: asyncio.Task[None] | None = None
        self._last = control.clock.now()
        # When it last went round without an error, in epoch milliseconds; shown, so that silence is seen.
        self.last_success = 0

    def start(self) -> None:
        """Starts the pulse."""
        self._task = asyncio.create_task(self._run(), name="reaper")

    async def stop(self) -> None:
        """Ends the pulse."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self.round()
            except PaddockError as error:  # a store that cannot write now may again; whoever waits for leases needs us
                _log.warning("a round failed: %s", error.message, extra={"action": "reaper.failed"})
                await asyncio.sleep(TICK_S)
            await self._wait()

    async def round(self) -> None:
        """One round: forgive, expire, refresh, wake."""
        control = self._control
        now = control.clock.now()
        slept = now - self._last - int(TICK_S * 1_000)
        self._last = now
        if control.replica is not None:
            await control.replica.round(now)
        elif slept > control.lease_ms // 3:
            await control.store.forgive(now + control.lease_ms, now)
        elif control.holding and await control.store.expire(now):
            control.stir()
        control.registry.sweep()
        await offer.recall(control, now)
        await schedules.fire(control, now)
        await state.sweep(control, now)
        due = dispatch.next_due(control)
        control.stirred.clear()
        if due is not None and due <= now:
            control.lanes_stale = True
        await dispatch.refresh(control)
        dispatch.wake_idle(control)
        if control.replica is not None:
            control.replica.wake_fallback()
        self.last_success = now

    async def _wait(self) -> None:
        """Until the next tick, or until something stirs, but never reading lanes more than a tenth of the time."""
        timeout = TICK_S
        due = dispatch.next_due(self._control)
        if due is not None:
            timeout = min(timeout, max(0.01, (due - self._control.clock.now()) / 1_000))
        timeout = min(timeout, max(0.01, (self._control.schedules_at - self._control.clock.now()) / 1_000))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._control.stirred.wait()
        rest = self._control.lanes_rest_until - time.monotonic()
        if rest > 0:
            await asyncio.sleep(rest)
