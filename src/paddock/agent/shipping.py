"""Ships what a run prints: buffered, sent in order with sequence and offset, dropped past a limit and said so."""

import asyncio
import contextlib

import msgspec

from paddock.agent.http import Client
from paddock.core.errors import Unreachable
from paddock.core.redaction import Redactor
from paddock.wire.keys import Signer
from paddock.wire.logs import LogChunk, join
from paddock.wire.signing import AGENT_HEADER, SIGNATURE_HEADER, sign

CHUNK = 256 << 10
MAX_STREAM = 16 << 20
_GATHER_S = 0.1
_RETRY_S = 1.0


class Stream:
    """One stream of one attempt."""

    def __init__(
        self, client: Client, agent: str, key: Signer, head: LogChunk, redactor: Redactor | None = None
    ) -> None:
        self._redactor = redactor
        self._client = client
        self._agent = agent
        self._key = key
        self._head = head
        self._waiting = bytearray()
        self._taken = 0
        self._offset = 0
        self._seq = 0
        self._closed = False
        self._refused = False
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._ship())

    def write(self, data: bytes) -> None:
        """Takes some output; never blocks. Past the limit output is dropped, with a note in its place."""
        if self._redactor is not None and self._taken < MAX_STREAM:
            data = self._redactor.feed(data)
        self._take(data)

    def _take(self, data: bytes) -> None:
        room = MAX_STREAM - self._taken
        if room >= 0 and data:
            self._waiting += data[:room]
            if len(data) > room:
                self._waiting += b"\n[paddock: output past 16 MiB was dropped]\n"
            self._more.set()
        self._taken += len(data)

    async def close(self, seconds: float = 5.0) -> None:
        """Sends what is left, for at most this long; what cannot be sent by then is lost with a clear conscience."""
        if self._redactor is not None:
            self._take(self._redactor.end())
        self._closed = True
        self._more.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._task

    async def _ship(self) -> None:
        while not self._refused:
            await self._more.wait()
            if not self._closed:
                await asyncio.sleep(_GATHER_S)
            self._more.clear()
            while self._waiting and not self._refused:
                await self._send(bytes(self._waiting[:CHUNK]))
            if self._closed:
                return

    async def _send(self, data: bytes) -> None:
        head = msgspec.structs.replace(self._head, seq=self._seq, offset=self._offset)
        body = join(head, data)
        headers = {AGENT_HEADER: self._agent, SIGNATURE_HEADER: sign(body, "log", self._key)}
        try:
            answer = await self._client.post(f"/v1/jobs/{head.job}/log", body, headers)
        except Unreachable:
            await asyncio.sleep(_RETRY_S)
            return
        if answer.status >= 500:
            await asyncio.sleep(_RETRY_S)
            return
        if answer.status != 200:  # replaced, full, or over: nothing more of this stream is wanted
            self._refused = True
            return
        del self._waiting[: len(data)]
        self._offset += len(data)
        self._seq += 1
