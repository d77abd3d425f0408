"""What agents ask for, answered without a framework: beat, wake, log, state, topics."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from paddock.control import anomalies, reports, state, topic_calls
from paddock.control.activate import activate
from paddock.control.beat import beat
from paddock.control.logs import take_chunk
from paddock.control.plane import Control
from paddock.control.pressure import can_wait
from paddock.core import schedule
from paddock.core.errors import BadInput, Overloaded, PaddockError, Unauthorised
from paddock.web.problem import body_of
from paddock.web.wake import Channels
from paddock.wire.envelope import Malformed
from paddock.wire.logs import LogChunk, split
from paddock.wire.messages import Decoder
from paddock.wire.signing import AGENT_HEADER, SIGNATURE_HEADER, NotSigned, verify

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 1 << 20
BODY_SECONDS = 30
_chunks = Decoder(LogChunk)
_JSON = [(b"content-type", b"application/json")]


class TooLarge(BadInput):
    """The body is too large."""

    code = "too_large"
    status = 413


class TooSlow(PaddockError):
    """The body did not arrive in time."""

    code = "too_slow"
    status = 408
    retryable = True


async def read_body(receive: Receive, most: int = MAX_BODY) -> bytes:
    """The whole body, of at most so many bytes and within a time. Raises: TooLarge, TooSlow."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Malformed("the client went away")
                part: bytes = message.get("body", b"")
                size += len(part)
                if size > most:
                    raise TooLarge(f"a body holds at most {most:,} bytes")
                parts.append(part)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise TooSlow() from None


async def answer(send: Send, status: int, body: bytes, retry_after: int = 0, *, close: bool = False) -> None:
    """Sends a JSON answer; `retry_after` is seconds, `close` ends the connection with it."""
    headers = [*_JSON, (b"content-length", str(len(body)).encode())]
    if retry_after:
        headers.append((b"retry-after", str(retry_after).encode()))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


class AgentApi:
    """The agents' side of the API as one ASGI callable."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._channels = Channels(control)

    def takes(self, method: str, path: str) -> bool:
        """Whether a request is an agent's."""
        if method == "POST":
            return path in ("/v1/beat", "/v1/activate", "/v1/agent-state", "/v1/agent-topics", "/v1/report") or (
                path.startswith("/v1/jobs/") and path.endswith("/log")
            )
        return path == "/v1/wake"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/v1/wake":
            await self._wake(scope, receive, send)
            return
        try:
            headers = dict(scope["headers"])
            signature = headers.get(SIGNATURE_HEADER.encode(), b"").decode("latin-1")
            agent = headers.get(AGENT_HEADER.encode(), b"").decode("latin-1")
            body = await read_body(receive)
            if path == "/v1/beat":
                out = await self._beat(agent, signature, body, _address(scope))
            elif path == "/v1/activate":
                out = msgspec.json.encode(await activate(self._control, signature, body, _address(scope)))
            elif path == "/v1/agent-state":
                await self._check(agent, signature, body, "state")
                out = await state.answer(self._control, agent, body)
            elif path == "/v1/report":
                await self._check(agent, signature, body, "report")
                out = await reports.take(self._control, agent, body)
            elif path == "/v1/agent-topics":
                await self._check(agent, signature, body, "topics")
                out = await topic_calls.answer(self._control, agent, body)
            else:
                out = await self._log(path, agent, signature, body)
        except PaddockError as error:
            if isinstance(error, NotSigned):
                await anomalies.forged(self._control, agent, path, _address(scope))
            unread = error.status in (TooSlow.status, TooLarge.status)
            await answer(send, error.status, body_of(error), error.retry_after, close=unread)
        else:
            await answer(send, 200, out, close=self._channels.crowded)

    async def _beat(self, agent: str, signature: str, body: bytes, address: str) -> bytes:
        meter = self._control.meter
        began = time.perf_counter()
        try:
            self._admit(body)
            out = await beat(self._control, agent, signature, body, random.random())
        except PaddockError as error:
            meter.refused(shed=isinstance(error, Overloaded))
            raise
        meter.answered(time.perf_counter() - began)
        known = self._control.fleet.get(agent)
        if known is not None and known.address != address:
            await anomalies.moved(self._control, known, address)
        return out

    def _admit(self, body: bytes) -> None:
        """Sends beats away that can wait while others cannot be answered in time. Raises: Overloaded."""
        pressure = self._control.pressure
        if pressure.behind() and can_wait(body):
            interval = schedule.beat_interval(len(self._control.fleet), self._control.beat_ms)
            pressure.admit("beat", interval / 2_000)

    async def _check(self, agent: str, signature: str, body: bytes, purpose: str) -> None:
        control = self._control
        known = control.fleet.get(agent)
        if known is None and control.replica is not None:
            known = await control.replica.recognise(agent)
        if known is None:
            raise Unauthorised("unknown agent")
        verify(body, signature, purpose, known.verifier)

    async def _log(self, path: str, agent: str, signature: str, body: bytes) -> bytes:
        control = self._control
        await self._check(agent, signature, body, "log")
        head, data = split(body)
        chunk = _chunks.decode(head)
        if path != f"/v1/jobs/{chunk.job}/log":
            raise Unauthorised("the chunk is another job's")
        size = await take_chunk(control.store, control.logs, control.clock.now(), agent, chunk, data)
        return b'{"offset":%d}' % size

    async def _wake(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            bearer = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1").removeprefix("Bearer ")
            agent, _session = self._control.bearers.check(bearer)
            await self._channels.serve(agent, receive, send)
        except PaddockError as error:
            await answer(send, error.status, body_of(error), error.retry_after)
            return
