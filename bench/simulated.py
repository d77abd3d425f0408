"""Simulated agents: their beats are real and really signed; they run nothing, and trust what they are told."""

import asyncio
import base64
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.load import Pool, request
from paddock import __version__
from paddock.store.sqlite.engine import connect
from paddock.store.sqlite.migrate import migrate
from paddock.store.sqlite.tx import SqliteTx
from paddock.store.statements import Tx
from paddock.wire.keys import Signer
from paddock.wire.messages import Beat, Directive, Outcome, Reply, encode
from paddock.wire.signing import AGENT_HEADER, SIGNATURE_HEADER, sign

PLAIN_KINDS = ("command", "test.run", "change.merge")
_replies = msgspec.json.Decoder(Reply)
_directives = msgspec.json.Decoder(Directive)


def key() -> Signer:
    """The key that all of them share; every signature is made and checked none the less."""
    return Signer(os.urandom(32), "agent")


def agent_id(at: int) -> str:
    """The id of one of them."""
    return f"a{at:020d}"


def session_id(at: int) -> str:
    """The session in which it beats."""
    return f"s{at:020d}"


def load(path: Path, signer: Signer, plain: int, workers: int) -> None:
    """Makes a store in a file that knows agents; see `fill`."""
    connection = connect(path)
    migrate(connection)
    connection.execute("BEGIN IMMEDIATE")
    fill(SqliteTx(connection), signer, plain, workers)
    connection.execute("COMMIT")
    connection.close()


def fill(tx: Tx, signer: Signer, plain: int, workers: int) -> None:
    """Stores `workers` agents for noop jobs, then `plain` ones for other kinds, all of them in a session."""
    public = base64.b64encode(signer.public).decode()
    for at in range(plain + workers):
        kinds = ("noop",) if at < workers else PLAIN_KINDS
        tx.run(
            "add_agent",
            id=agent_id(at),
            name=f"host-{at}",
            public_key=public,
            generation=1,
            created=1,
            granted="{}",
            channel="stable",
            binding="optional",
            licence="",
        )
        tx.run(
            "start_session",
            agent=agent_id(at),
            session=session_id(at),
            now=1,
            name=f"host-{at}",
            version=__version__,
            kinds=encode(kinds).decode(),
            capabilities='["git","python3.11"]',
            slots=4,
            containment="contained",
            labels="{}",
            health="[]",
        )


def signed(beat: Beat, signer: Signer, port: int) -> bytes:
    """A beat as its request."""
    body = encode(beat)
    headers = {AGENT_HEADER: beat.agent, SIGNATURE_HEADER: sign(body, "beat", signer)}
    return request("POST", "/v1/beat", port, body, headers)


def idle_beats(signer: Signer, port: int, agents: Sequence[int], seq: int, want: int = 4) -> list[bytes]:
    """One beat of each of these idle agents, with so many free slots, ready to be sent."""
    now = time.time_ns() // 1_000_000
    return [
        signed(Beat(agent=agent_id(at), session=session_id(at), seq=seq, sent=now, want=want), signer, port)
        for at in agents
    ]


def read_reply(body: bytes) -> Reply:
    """The answer to a beat."""
    return _replies.decode(body)


class Worker:
    """One agent that takes noop jobs: beats when woken, tells each outcome with the next beat."""

    def __init__(
        self, at: int, slots: int, signer: Signer, port: int, pool: Pool, took: Callable[[float], None]
    ) -> None:
        self._at = at
        self._slots = slots
        self._signer = signer
        self._port = port
        self._pool = pool
        self._took = took
        self._seq = 0
        self._outbox: dict[tuple[str, int], Outcome] = {}
        self._beating = self._again = False
        self.bearer = ""
        # Outcomes that stand, and answers that were no answer.
        self.done = self.failed = 0

    def kick(self) -> None:
        """Asks for a beat now."""
        if self._beating:
            self._again = True
            return
        self._beating, self._again = True, False
        self._seq += 1
        beat = Beat(
            agent=agent_id(self._at),
            session=session_id(self._at),
            seq=self._seq,
            sent=time.time_ns() // 1_000_000,
            outcomes=tuple(self._outbox.values()),
            want=self._slots,
        )
        data, began = signed(beat, self._signer, self._port), time.perf_counter()
        self._pool.send(data, lambda status, body: self._answered(status, body, began))

    def _answered(self, status: int, body: bytes, began: float) -> None:
        self._took((time.perf_counter() - began) * 1e3)
        self._beating = False
        if status != 200:
            self.failed += 1
            return
        reply = _replies.decode(body)
        self.bearer = reply.bearer or self.bearer
        if reply.directive is not None:
            for ack in _directives.decode(base64.b64decode(reply.directive.payload)).acks:
                self.done += self._outbox.pop((ack.job, ack.epoch), None) is not None and not ack.code
        now: dict[str, Any] = {"started": reply.now, "ended": reply.now}
        for grant in reply.jobs:
            self._outbox[grant.job, grant.epoch] = Outcome(job=grant.job, epoch=grant.epoch, status="done", **now)
        if self._again or self._outbox:
            self.kick()


class _Wakes(asyncio.Protocol):
    """An agent's push channel."""

    def __init__(self, kick: Callable[[], None]) -> None:
        self._kick = kick
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            if b" 200 " not in data and b": awake" not in data:
                self.opened.set_exception(RuntimeError(f"the channel does not open: {data[:200]!r}"))
            elif b": awake" in data:
                self.opened.set_result(None)
        if b"data:" in data:
            self._kick()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(RuntimeError("the channel was closed"))


async def listen(bearer: str, kick: Callable[[], None], port: int) -> asyncio.Transport:
    """The push channel of an agent that has its bearer, once it is open."""
    asked = request("GET", "/v1/wake", port, headers={"authorization": f"Bearer {bearer}"})
    transport, channel = await asyncio.get_running_loop().create_connection(lambda: _Wakes(kick), "127.0.0.1", port)
    transport.write(asked)
    await channel.opened
    return transport
