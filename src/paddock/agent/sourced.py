"""An agent whose jobs come from elsewhere than a control plane: taken, run and told in the same boxes and worktrees."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import msgspec

from paddock.agent import identity
from paddock.agent.config import AgentConfig
from paddock.agent.faults import outcome_of
from paddock.agent.policy import LocalPolicy
from paddock.core.errors import PaddockError, Stale
from paddock.core.policy import Policy
from paddock.runners import RUNNERS, Run, Stop
from paddock.sandbox import NotContained, SandboxError, measure, probe
from paddock.wire.messages import JobOrder, Outcome
from paddock.workspace import recover

_log = logging.getLogger("paddock.agent")
SWEEP_S = 60.0
# Seconds between two looks whether boxes hold: while they do, and while they do not.
CANARY_S, AGAIN_S = 900.0, 60.0
LOGS_KEPT = 200


class Source(Protocol):
    """Where jobs come from. Every method may take its time and is called in a thread."""

    def begin(self) -> None:
        """Says that this agent is there, and gives back what an earlier process of it has left."""

    def take(self) -> JobOrder | None:
        """The next job, held for this agent; None when nothing is ready."""

    def renew(self, order: JobOrder) -> None:
        """Keeps a job. Raises: Stale when it is another agent's now."""

    def end(self, order: JobOrder, outcome: Outcome) -> None:
        """Tells how a job ended. Raises: Stale when it is another agent's now."""

    def leave(self) -> None:
        """Says that this agent goes."""


class LogFile:
    """What a run prints, in a file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        """Takes some bytes."""
        self._file.write(data)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def run(config: AgentConfig, source: Source, *, renew_s: float, poll_s: float, once: bool = False) -> int:
    """Runs jobs from a source until SIGTERM or SIGINT, or with `once` until nothing is ready; returns the exit code.

    `renew_s` and `poll_s` are the seconds between two renewals, and between two looks while nothing is ready.
    Raises: StateInUse, and what the source raises at its beginning.
    """
    handle = identity.lock_state(config.state)
    try:
        return asyncio.run(_Sourced(config, source, renew_s, poll_s, once).live())
    finally:
        os.close(handle)


class _Sourced:
    def __init__(self, config: AgentConfig, source: Source, renew_s: float, poll_s: float, once: bool) -> None:
        self._config = config
        self._source = source
        self._renew_s, self._poll_s, self._once = renew_s, poll_s, once
        self._policy = LocalPolicy(config.policy, Policy(allow_degraded=config.allow_degraded))
        self._ending = asyncio.Event()
        self._stops: dict[tuple[str, int], Stop] = {}
        self._failed = False
        # Whether it takes nothing because boxes do not hold, and has said so.
        self._waits = False
        self._fault: PaddockError | None = None

    async def live(self) -> int:
        """Takes jobs into every slot until told to end; then running ones get a while before they are handed back."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        await asyncio.to_thread(probe, self._config.work)
        if not self._contains():
            found = probe(self._config.work)
            raise NotContained(f"this host cannot contain jobs: {found.reason}", hint=found.hint)
        await asyncio.to_thread(self._source.begin)
        sweeps = asyncio.create_task(self._sweeps(), name="sweep")
        canaries = asyncio.create_task(self._canaries(), name="canaries")
        slots = [asyncio.create_task(self._slot(), name=f"slot-{number}") for number in range(self._config.slots)]
        drain = asyncio.create_task(self._drain(), name="drain")
        try:
            await asyncio.gather(*slots)
        finally:
            for task in (sweeps, canaries, drain, *slots):
                task.cancel()
            await asyncio.gather(sweeps, canaries, drain, *slots, return_exceptions=True)
            with contextlib.suppress(PaddockError):
                await asyncio.to_thread(self._source.leave)
        if self._fault is not None:
            raise self._fault
        return 1 if self._failed else 0

    def _end(self) -> None:
        """The first signal drains; the second hands back what still runs."""
        if self._ending.is_set():
            self._stop_all()
        self._ending.set()

    def _stop_all(self) -> None:
        for stop in self._stops.values():
            stop.order("shutdown")

    async def _drain(self) -> None:
        await self._ending.wait()
        await asyncio.sleep(self._config.drain_s)
        self._stop_all()

    async def _sweeps(self) -> None:
        """Saves what dead runs on this host wrote."""
        while True:
            for found in await asyncio.to_thread(recover, self._config.work, list(self._stops)):
                if found.error:
                    _log.warning(found.error, extra={"action": "sweep.kept", "job": found.job, "epoch": found.epoch})
            await asyncio.sleep(SWEEP_S * (0.75 + random.random() / 2))

    def _contains(self) -> bool:
        """Whether jobs can be boxed here, or need not be."""
        with contextlib.suppress(PaddockError):  # a policy that cannot be read lets nothing start anyway
            if self._config.allow_degraded and self._policy.current().allow_degraded:
                return True
        return probe(self._config.work).cls == "contained"

    async def _canaries(self) -> None:
        """Tries again and again whether boxes hold; a run that could not be boxed has tried it too."""
        while True:
            await asyncio.sleep((CANARY_S if self._contains() else AGAIN_S) * (0.9 + random.random() / 5))
            await asyncio.to_thread(measure, self._config.work)

    def _take(self) -> JobOrder | None:
        """The next job, if jobs may start here at this moment."""
        if not self._contains():
            found = probe(self._config.work)
            said = f"this host cannot contain jobs any more: {found.reason}"
            if self._once:
                raise NotContained(said, hint=found.hint)
            if not self._waits:
                _log.warning(said, extra={"action": "source.waits"})
            self._waits = True
            return None
        self._waits = False
        return self._source.take() if self._policy.opens(int(time.time() * 1_000)) else None

    async def _slot(self) -> None:
        while not self._ending.is_set():
            try:
                order = await asyncio.to_thread(self._take)
            except PaddockError as error:
                if self._once or not error.retryable:
                    # What runs in other slots is finished first.
                    self._fault = self._fault or error
                    self._ending.set()
                    return
                _log.warning(error.message, extra={"action": "source.unreachable"})
                order = None
            if order is not None:
                await self._job(order)
            elif self._once:
                return
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), self._poll_s * (0.75 + random.random() / 2))

    async def _job(self, order: JobOrder) -> None:
        stop = self._stops[order.job, order.epoch] = Stop()
        renewals = asyncio.create_task(self._renewals(order, stop), name=f"renew-{order.job}")
        log = LogFile(self._config.state / "logs" / f"{order.job}-{order.epoch}.log")
        try:
            outcome = await self._attempt(order, stop, log)
        finally:
            renewals.cancel()
            await asyncio.gather(renewals, return_exceptions=True)
            del self._stops[order.job, order.epoch]
            log.close()
            self._prune()
        if outcome.code in ("not_capable", SandboxError.code):
            await asyncio.to_thread(measure, self._config.work)
        self._failed = self._failed or outcome.status not in ("done", "returned")
        with_code = f"{order.name}: {outcome.status} {outcome.code} {outcome.detail}".strip()
        _log.info(with_code, extra={"action": "job.ended", "job": order.job, "epoch": order.epoch})
        try:
            await asyncio.to_thread(self._source.end, order, outcome)
        except PaddockError as error:
            _log.warning(error.message, extra={"action": "job.untold", "job": order.job, "epoch": order.epoch})

    async def _renewals(self, order: JobOrder, stop: Stop) -> None:
        while True:
            await asyncio.sleep(self._renew_s * (0.75 + random.random() / 4))
            try:
                await asyncio.to_thread(self._source.renew, order)
            except Stale:
                stop.order("stale")
                return
            except PaddockError as error:
                _log.warning(error.message, extra={"action": "job.not_renewed", "job": order.job})

    async def _attempt(self, order: JobOrder, stop: Stop, log: LogFile) -> Outcome:
        """Whatever a runner does, an outcome comes of it."""
        try:
            fence = self._policy.effective(order)
            limits = msgspec.structs.replace(order.limits, wall_s=fence.limits.wall_seconds)
            job = Run(
                order=msgspec.structs.replace(order, limits=limits),
                work=self._config.work,
                tools=self._config.tools,
                fence=fence,
                log=log,
                diff=_Nowhere(),
                stop=stop,
                say=lambda words: _log.debug(words, extra={"action": "job.says", "job": order.job}),
                began=lambda: None,
                confirm=lambda: asyncio.to_thread(self._source.renew, order),
                socket=_no_socket,
            )
            denied, _ = self._policy.judge(order.nbf)(order)
            if denied:
                text = "; ".join(str(one) for one in denied)[:4_000]
                return Outcome(job=order.job, epoch=order.epoch, status="refused", code="policy_denied", detail=text)
            return await RUNNERS[order.kind](job)
        except Exception as error:  # noqa: BLE001 - a fault of ours must still end as an outcome
            return outcome_of(error, order, log)

    def _prune(self) -> None:
        logs = sorted((self._config.state / "logs").glob("*.log"), key=lambda path: path.stat().st_mtime)
        for path in logs[:-LOGS_KEPT]:
            path.unlink(missing_ok=True)


class _Nowhere:
    """What nobody asks for."""

    def write(self, data: bytes) -> None:
        """Takes some bytes."""


@contextlib.asynccontextmanager
async def _no_socket(_folder: Path) -> AsyncIterator[None]:
    """There is no control plane, so a run has nobody to ask."""
    yield
