"""The runs of an agent: started when accepted, ended by their runner, told to the outbox before they are forgotten."""

import asyncio
import base64
import contextlib
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from paddock.agent.config import AgentConfig
from paddock.agent.faults import outcome_of
from paddock.agent.http import Client
from paddock.agent.journal import Journal
from paddock.agent.local_socket import LocalSocket
from paddock.agent.local_state import LocalState
from paddock.agent.local_topics import LocalTopics
from paddock.agent.policy import LocalPolicy
from paddock.agent.secrets import SecretMissing, lend
from paddock.agent.shipping import Stream
from paddock.agent.status import Status
from paddock.core.errors import PaddockError
from paddock.core.policy_scope import Effective
from paddock.core.redaction import Redactor, redact
from paddock.runners import INSTANT, RUNNERS, Run, Stop
from paddock.sandbox import NotContained, job_user
from paddock.wire.keys import Signer
from paddock.wire.logs import LogChunk
from paddock.wire.messages import Held, JobOrder, Outcome

_AGAIN_S = 1.0
# Bytes of one outcome: a beat that holds it must stay below what a body may have, or it would be refused for ever.
MAX_OUTCOME = 160_000
_log = logging.getLogger("paddock.agent")


@dataclass(slots=True)
class Active:
    """One attempt that runs here."""

    order: JobOrder
    stop: Stop = field(default_factory=Stop)
    accepted: float = field(default_factory=time.monotonic)
    began: float = 0.0
    started_ms: int = 0
    # Values that nothing of it may show.
    hidden: tuple[str, ...] = field(default=(), repr=False)
    task: asyncio.Task[None] | None = None


class Slots:
    """What runs, by job. `kick` asks for a beat, `confirm` whether an attempt still holds its job."""

    def __init__(
        self,
        config: AgentConfig,
        journal: Journal,
        status: Status,
        session: str,
        kick: Callable[[], None],
        confirm: Callable[[Active], Awaitable[None]],
        policy: LocalPolicy,
    ) -> None:
        self._policy = policy
        self._config = config
        self._journal = journal
        self._status = status
        self._session = session
        self._kick = kick
        self._confirm = confirm
        self._client = Client(config.server)
        # By job and epoch: an attempt that was replaced may still be ending when a newer one of its job begins here.
        self._runs: dict[tuple[str, int], Active] = {}
        self._ended: list[tuple[tuple[str, int], Outcome]] = []
        self.agent = ""
        # Called when a run found that the host cannot contain any more.
        self.on_uncontained: Callable[[], None] = lambda: None
        self.key: Signer | None = None

    @property
    def free(self) -> int:
        """How many more jobs could start."""
        room = self._config.slots - len(self._runs)
        return room if room > 0 and self._policy.opens(_now()) else 0

    @property
    def running(self) -> int:
        """How many jobs run."""
        return len(self._runs)

    def runs(self, job: str, epoch: int) -> bool:
        """Whether this attempt runs here."""
        return (job, epoch) in self._runs

    def held(self) -> tuple[Held, ...]:
        """The leases this agent believes it holds."""
        return tuple(
            Held(job=job, epoch=epoch, cancelling=run.stop.why == "cancel") for (job, epoch), run in self._runs.items()
        )

    def start(self, order: JobOrder) -> None:
        """Starts an accepted order."""
        run = self._runs[order.job, order.epoch] = Active(order)
        if order.kind in INSTANT:
            self._end(run, msgspec.structs.replace(INSTANT[order.kind](order), session=self._session, ended=_now()))
            return
        self._status.job(order.job, order.epoch, order.kind, "accepted")
        run.task = asyncio.create_task(self._run(run), name=f"run-{order.job}")

    def stop(self, job: str, epoch: int, why: str) -> None:
        """Tells one run to end."""
        run = self._runs.get((job, epoch))
        if run is not None:
            run.stop.order(why)

    def stop_all(self, why: str) -> None:
        """Tells every run to end."""
        for run in self._runs.values():
            run.stop.order(why)

    async def wait(self, seconds: float | None) -> None:
        """Waits until nothing runs, or for so long."""
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def close(self) -> None:
        """Closes the connection for output."""
        await self._client.close()

    async def _run(self, run: Active) -> None:
        order = run.order
        try:
            fence = self._policy.effective(order)
            values = lend(order, fence, self.key)
        except PaddockError as error:  # the policy or a secret became unreadable after the order was accepted
            status = "refused" if isinstance(error, SecretMissing) else "returned"
            told = Outcome(job=order.job, epoch=order.epoch, status=status, code=error.code, detail=error.message)
            self._end(run, self._complete(run, told))
            return
        run.hidden = (self._config.token, *values.values())
        streams = [self._stream(run, "log"), self._stream(run, "diff")]
        try:
            told = await self._attempt(run, fence, values, *streams)
        finally:
            await asyncio.gather(*(stream.close() for stream in streams))
        self._end(run, self._complete(run, told))

    def _end(self, run: Active, told: Outcome) -> None:
        self._ended.append(((run.order.job, run.order.epoch), told))
        if len(self._ended) == 1:
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        """Puts what ended in this turn of the loop into the outbox, in one write; only then is it forgotten here."""
        try:
            self._journal.put([told for _, told in self._ended])
        except (
            sqlite3.Error
        ) as error:  # a full disk, say: the leases are kept and the runs not forgotten until it is told
            _log.warning("the outbox cannot be written: %s", error, extra={"action": "outbox.full"})
            asyncio.get_running_loop().call_later(_AGAIN_S, self._tell)
            return
        ended, self._ended = self._ended, []
        for (job, epoch), _ in ended:
            del self._runs[job, epoch]
            self._status.done(job, epoch)
        self._kick()

    async def _attempt(
        self, run: Active, fence: Effective, values: Mapping[str, str], log: Stream, diff: Stream
    ) -> Outcome:
        """Whatever a runner does, an outcome comes of it."""
        order = run.order
        limits = msgspec.structs.replace(order.limits, wall_s=fence.limits.wall_seconds)
        job = Run(
            order=msgspec.structs.replace(order, limits=limits),
            work=self._config.work,
            tools=self._config.tools,
            fence=fence,
            log=log,
            diff=diff,
            stop=run.stop,
            say=lambda words: self._status.job(order.job, order.epoch, order.kind, words),
            began=lambda: self._began(run),
            confirm=lambda: self._confirm(run),
            socket=lambda folder: self._socket(order, folder),
            secrets=values,
            sign=self._sign,
        )
        try:
            return await RUNNERS[order.kind](job)
        except Exception as error:  # noqa: BLE001 - a fault of ours must still end as an outcome
            if isinstance(error, NotContained):
                self.on_uncontained()
            return outcome_of(error, order, log)

    @contextlib.asynccontextmanager
    async def _socket(self, order: JobOrder, folder: Path) -> AsyncIterator[None]:
        assert self.key is not None
        client = Client(self._config.server)  # of its own: what a run asks for is in nobody's way
        state = LocalState(client, self.agent, self.key, order, self._session)
        topics = LocalTopics(client, self._config.server, self.agent, self.key, order, self._session)
        try:
            async with LocalSocket({"state": state.handle, "topics": topics.handle}, job_user()).open(folder):
                yield
        finally:
            await client.close()

    def _sign(self, message: bytes) -> str:
        assert self.key is not None
        return f"{self.key.keyid} {base64.b64encode(self.key.sign(message)).decode()}"

    def _began(self, run: Active) -> None:
        if not run.began:
            run.began = time.monotonic()
            run.started_ms = _now()

    def _complete(self, run: Active, told: Outcome) -> Outcome:
        spawn_ms = int((run.began - run.accepted) * 1_000) if run.began else 0
        if len(msgspec.json.encode(told)) > MAX_OUTCOME:
            detail = f"it ended {told.status}, but what it has to tell is too large"
            told = msgspec.structs.replace(
                told, status="failed", code="outcome_too_large", detail=detail, result={}, change=None
            )
        return msgspec.structs.replace(
            told,
            detail=redact(told.detail.encode(), run.hidden or (self._config.token,)).decode(errors="replace"),
            session=self._session,
            started=run.started_ms,
            ended=_now(),
            spawn_ms=max(0, spawn_ms),
        )

    def _stream(self, run: Active, stream: str) -> Stream:
        assert self.key is not None
        order = run.order
        head = LogChunk(job=order.job, epoch=order.epoch, session=self._session, stream=stream, seq=0, offset=0)
        redactor = Redactor(run.hidden) if stream == "log" else None
        return Stream(self._client, self.agent, self.key, head, redactor)


def _now() -> int:
    return time.time_ns() // 1_000_000
