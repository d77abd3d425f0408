"""The control plane's own pulse: leases that ran out, jobs whose delay is over, schedules, idle agents to wake.

It is no job in the queue that it repairs. It distrusts itself first: when it finds that it slept for longer than it
meant to (a suspended machine, a blocked process), everyone gets one full lease, for nobody could renew meanwhile.
"""

import asyncio
import contextlib
import logging
import time

from paddock.control import budgets, dispatch, licences, offer, review_pace, reviewers, schedules, state, topics
from paddock.control.plane import CARE_S, Control
from paddock.core.errors import PaddockError

_log = logging.getLogger("paddock.control")
# Seconds between two rounds while there is nothing to care for, at most.
REST_S = 15.0
LEASE_PARTS = 12
QUIET_MS = 60_000


class Reaper:
    """One task beside the server."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._task: asyncio.Task[None] | None = None
        # When it means to go round at the latest, in epoch milliseconds.
        self._meant = control.clock.now()
        # How much had been written when pace and budgets were looked at, and when they are at the latest.
        self._written, self._keep_at = -1, 0
        # When it last went round without an error, in epoch milliseconds; shown, so that silence is seen.
        self.last_success = 0

    def start(self) -> None:
        """Starts the pulse."""
        self._task = asyncio.create_task(self._run(), name="reaper")

    async def stop(self) -> None:
        """Ends the pulse."""
        self._control.alarm.stop()
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
                await asyncio.sleep(CARE_S)
            await self._wait()

    async def round(self) -> None:
        """One round: forgive, expire, refresh, wake."""
        control = self._control
        now = control.clock.now()
        slept, self._meant = now - self._meant, now
        if control.replica is not None:
            await control.replica.round(now)
        elif slept > control.lease_ms // 3:
            await control.store.forgive(now + control.lease_ms, now)
        elif control.holding and await control.store.expire(now):
            control.stir()
        control.registry.sweep()
        await licences.keep(control, now, slept)
        await offer.recall(control, now)
        await schedules.fire(control, now)
        await state.sweep(control, now)
        await topics.sweep(control, now)
        await self._keep(now)
        due = dispatch.next_due(control)
        control.stirred.clear()
        if due is not None and due <= now:
            control.lanes_stale = True
        await dispatch.refresh(control)
        await reviewers.wake(control)
        if control.replica is not None:
            control.replica.wake_fallback()
        self.last_success = now

    async def _keep(self, now: int) -> None:
        """What hardly changes while nothing runs and nothing is written here: then it is looked at less often."""
        control = self._control
        if now < min(control.paced_at, control.budgets_at):
            return
        written = control.store.backlog.written
        if written == self._written and not control.holding and now < self._keep_at:
            return
        self._written, self._keep_at = written, now + QUIET_MS
        await review_pace.keep(control, now)
        await budgets.keep(control, now)

    async def _wait(self) -> None:
        """Until something is due or stirs, but never reading lanes more than a tenth of the time."""
        control, now = self._control, self._control.clock.now()
        rest = self._rest()
        for due in (dispatch.next_due(control), control.schedules_at, control.seats_at):
            if due is not None:
                rest = min(rest, max(0.01, (due - now) / 1_000))
        self._meant = now + int(rest * 1_000)
        control.alarm.set(rest)
        await control.stirred.wait()
        rest = control.lanes_rest_until - time.monotonic()
        if rest > 0:
            self._meant += int(rest * 1_000)
            await asyncio.sleep(rest)

    def _rest(self) -> float:
        """Seconds to rest: a small part of a lease, so that one that is granted meanwhile is cared for in time."""
        control = self._control
        if control.holding or any(jobs for jobs, _ in control.lanes.values()):
            return CARE_S
        rest = min(REST_S, max(CARE_S, control.lease_ms / LEASE_PARTS / 1_000))
        return rest if control.replica is None else min(rest, control.replica.due_in())
