"""HTTP/1.1 on asyncio streams: one kept-alive connection, bounded answers, time limits."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from paddock.core.errors import BadInput, Unreachable

MAX_ANSWER = 64 << 20
MAX_HEAD = 32 << 10
# The longest that an agent stays away because it was told to.
MAX_WAIT_S = 300.0
# Time limits are asyncio.timeout: the wait_for of Python 3.11 can swallow a cancellation.
_BEGIN_S = 30.0


@dataclass(frozen=True)
class Answer:
    """A status and a body; `retry_after` is seconds, 0 when the other side did not say."""

    status: int
    body: bytes
    retry_after: float = 0.0

    def error(self) -> tuple[str, str]:
        """The (code, message) of an error answer; ("", "") when it has none."""
        try:
            told = msgspec.json.decode(self.body)["error"]
            return str(told["code"]), str(told["message"])
        except (msgspec.DecodeError, KeyError, TypeError):
            return "", ""


class Client:
    """One connection to the control plane, opened when needed; calls on it queue up."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput(f"{server!r} is no address of a control plane", hint="it looks like http://127.0.0.1:8420")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._netloc = parts.netloc
        self._path = parts.path.rstrip("/")
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes, headers: Mapping[str, str], seconds: float = 30.0) -> Answer:
        """Raises: Unreachable, after which the request may or may not have been heard."""
        async with self._lock:
            reused = self._streams is not None
            try:
                async with asyncio.timeout(seconds):
                    return await self._exchange(path, body, headers)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                await self.close()
                if not reused or isinstance(error, TimeoutError):
                    raise Unreachable(_told(error)) from None
            try:  # a connection that was kept alive may have been closed meanwhile
                async with asyncio.timeout(seconds):
                    return await self._exchange(path, body, headers)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                await self.close()
                raise Unreachable(_told(error)) from None

    async def _exchange(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        reader, writer = await self._open()
        writer.write(self._head("POST", path, {**headers, "content-length": str(len(body))}) + body)
        await writer.drain()
        status, found = await _read_head(reader)
        size = int(found.get("content-length", "0"))
        if size > MAX_ANSWER:
            raise ValueError("the answer is too large")
        wait = found.get("retry-after", "")
        told = min(float(wait), MAX_WAIT_S) if wait.isascii() and wait.isdigit() else 0.0
        answer = Answer(status, await reader.readexactly(size), told)
        if found.get("connection", "").lower() == "close":
            await self.close()
        return answer

    async def stream(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        """The lines of a long answer, on a connection of its own. Raises: Unreachable when it cannot begin or ends."""
        try:
            async with asyncio.timeout(_BEGIN_S):
                reader, writer = await self._connect()
        except (OSError, TimeoutError) as error:
            raise Unreachable(_told(error)) from None
        try:
            writer.write(self._head("GET", path, headers))
            await writer.drain()
            async with asyncio.timeout(_BEGIN_S):
                status, _ = await _read_head(reader)
            if status != 200:
                raise Unreachable(f"{path} answers {status}")
            while line := await reader.readline():
                yield line.rstrip(b"\r\n")
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            raise Unreachable(_told(error)) from None
        finally:
            writer.close()

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {self._path}{path} HTTP/1.1", f"host: {self._netloc}", "content-type: application/json"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await self._connect()
        return self._streams

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=MAX_HEAD)

    async def close(self) -> None:
        """Closes the kept connection."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with contextlib.suppress(OSError):
                await streams[1].wait_closed()


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = first.split(" ", 2)
    if len(fields) < 2 or not fields[0].startswith("HTTP/1.") or not fields[1].isdigit():
        raise ValueError("no HTTP answer")
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return int(fields[1]), {name.strip().lower(): value.strip() for name, value in pairs}


def _told(error: BaseException) -> str:
    return f"the control plane does not answer: {_words(error)}"


def _words(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(number, int) and number > 0 else str(error) or type(error).__name__
