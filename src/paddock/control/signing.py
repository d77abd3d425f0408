"""The control plane's way to its signer: asks travel over one local connection, answers come in their order.

What is asked is signed again just as well, so an ask whose answer was lost with a connection is asked anew.
"""

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import cast

from paddock.core.errors import PaddockError
from paddock.wire.signer import HEAD, MAX_FRAME, Answer, Ask, Asked, Failed, Show, Shown, Told, answers, frame

_log = logging.getLogger("paddock.control")
# Seconds for which an ask waits for a signer that was there a moment ago, and between two tries to find one.
PATIENCE_S, AGAIN_S = 2.0, 0.1


class SignerGone(PaddockError):
    """The signer does not answer: nothing can be signed."""

    code = "signer_gone"
    retryable = True
    status = 503
    hint = "jobs wait and none is lost; see docs/runbooks/signer-down.md"


class _Link(asyncio.Protocol):
    """One connection."""

    def __init__(self, on_end: "Callable[[_Link], None]") -> None:
        self._on_end = on_end
        self._waiting: deque[asyncio.Future[Answer]] = deque()
        self._rest = b""
        self._transport: asyncio.Transport
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, body: bytes) -> "asyncio.Future[Answer]":
        """The answer to a frame."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._transport.write(body)
        return answer

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        at = 0
        while len(data) - at >= HEAD:
            size = int.from_bytes(data[at : at + HEAD], "big")
            if size > MAX_FRAME:
                self._transport.abort()
                return
            if len(data) - at - HEAD < size:
                break
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_result(answers.decode(data[at + HEAD : at + HEAD + size]))
            at += HEAD + size
        self._rest = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_end(self)
        self._gone.set_result(None)
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(SignerGone(str(exc) if exc else ""))

    def drop(self) -> None:
        """Ends the connection."""
        self._transport.abort()

    async def close(self) -> None:
        """Ends the connection and waits until it is gone."""
        self._transport.abort()
        await self._gone


def _said(told: Told) -> str:
    return told.message if isinstance(told, Failed) else "the signer answers something else than it was asked"


class Signing:
    """Asks the signer at an address: a path, or a name of the kernel's that begins with NUL."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._link: _Link | None = None
        self._connecting: asyncio.Task[_Link] | None = None
        self._looking: asyncio.Task[None] | None = None
        # Why nothing is signed at present, empty while all is well; and what is done when it is again.
        self.trouble = ""
        self.on_return: Callable[[], None] = lambda: None

    async def ask(self, *parts: Asked) -> Answer:
        """The answer to all parts. Raises: SignerGone, at once where it was gone before."""
        body = frame(Ask(parts))
        deadline = time.monotonic() + (0 if self.trouble else PATIENCE_S)
        while True:
            try:
                async with asyncio.timeout(max(0.05, deadline - time.monotonic())):
                    link = self._link or await self._connect()
                    return await link.ask(body)
            except (SignerGone, OSError, TimeoutError) as error:
                if time.monotonic() >= deadline:
                    self._drop()
                    self.lose("the signer does not answer")
                    raise error if isinstance(error, SignerGone) else SignerGone() from None
            await asyncio.sleep(AGAIN_S)

    async def once(self, part: Asked) -> Told:
        """The answer to a part that must not be asked twice. Raises: SignerGone, also when it may have been done."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                link = self._link or await self._connect()
                return (await link.ask(frame(Ask((part,))))).parts[0]
        except (OSError, TimeoutError):
            raise SignerGone(hint="`paddock key show` says whether it was done") from None

    async def one(self, part: Asked) -> Told:
        """The answer to one part. Raises: SignerGone."""
        return (await self.ask(part)).parts[0]

    async def _connect(self) -> _Link:
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._open())
        task = self._connecting
        try:
            return await asyncio.shield(task)
        finally:
            if task.done() and self._connecting is task:
                self._connecting = None

    async def _open(self) -> _Link:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.connect(self._address)
            _, self._link = await loop.create_unix_connection(lambda: _Link(self._ended), sock=sock)
        except BaseException:
            sock.close()
            raise
        return self._link

    def _ended(self, link: _Link) -> None:
        if self._link is link:
            self._link = None

    def _drop(self) -> None:
        if self._link is not None:
            self._link.drop()
            self._link = None

    def lose(self, trouble: str) -> None:
        """Takes note that nothing is signed at present, and looks from now on whether that has changed."""
        if trouble != self.trouble:
            _log.error("%s: jobs wait", trouble, extra={"action": "signer.gone"})
        self.trouble = trouble
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        ask = frame(Ask((Show(),)))
        while self.trouble:
            await asyncio.sleep(AGAIN_S)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    link = self._link or await self._connect()
                    told = (await link.ask(ask)).parts[0]
                self.trouble = told.trouble if isinstance(told, Shown) else _said(told)
            except (SignerGone, OSError, TimeoutError):
                self._drop()
        _log.warning("the signer signs again", extra={"action": "signer.back"})
        self.on_return()

    async def close(self) -> None:
        """Lets go of the connection."""
        for task in (self._looking, self._connecting):
            if task is not None:
                task.cancel()
        if self._link is not None:
            await self._link.close()
