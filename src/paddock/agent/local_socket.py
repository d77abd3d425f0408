"""The socket that a run talks to its agent through: HTTP/1.1, for one attempt's life, for the job's user alone.

Nothing but the routes it is given can be reached through it. Whatever a run sends is bounded, and so is its patience:
heads, bodies, connections at a time and the seconds that each may take. Every request waits for its answer from the
control plane, so a run that floods the socket waits itself and takes no more of the agent than that.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import msgspec

from paddock.core.errors import BadInput, NotFound, PaddockError
from paddock.runners.base import SOCKET
from paddock.sandbox import User

MAX_HEAD = 16 << 10
MAX_BODY = 256 << 20
MOST_CONNECTIONS = 16
IDLE_S, HEAD_S, BODY_S, SEND_S = 600.0, 10.0, 30.0, 30.0
# Bytes that are read of a body that nobody wants, so that the run hears why before the connection ends.
_LEFT = 64 << 20
_PIECE = 256 << 10


class TooManyConnections(PaddockError):
    """The run has too many connections open."""

    code = "too_many_connections"
    status = 503
    retryable = True


class NoSocket(PaddockError):
    """The run's socket cannot be made."""

    code = "no_socket"


class BadRequest(BadInput):
    """The request is no HTTP that is understood here."""

    code = "bad_request"


@dataclass
class Request:
    """A request with what is still to be read of its body. Header names are small letters."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    reader: asyncio.StreamReader
    left: int

    async def read(self, most: int) -> bytes:
        """The next bytes of the body, as many as asked for unless it ends. Raises: TimeoutError, EOFError."""
        async with asyncio.timeout(BODY_S):
            data = await self.reader.readexactly(min(most, self.left))
        self.left -= len(data)
        return data


@dataclass
class Answer:
    """A status, headers and a body, either at once or in parts of a given total of bytes."""

    status: int = 200
    headers: Mapping[str, str] | None = None
    body: bytes = b""
    parts: AsyncIterator[bytes] | None = None
    size: int = 0


Handler = Callable[[Request], Awaitable[Answer]]


def problem(error: PaddockError, **headers: str) -> Answer:
    """An error as its answer."""
    told = {"code": error.code, "message": error.message, "hint": error.hint, "retryable": error.retryable}
    return Answer(error.status, headers, msgspec.json.encode({"error": told}))


class LocalSocket:
    """Serves one attempt's run. `routes` are handlers by the path's part behind `/v1/`."""

    def __init__(self, routes: Mapping[str, Handler], user: User) -> None:
        self._routes = routes
        self._user = user
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def open(self, folder: Path) -> AsyncIterator[None]:
        """Listens at `sock` in this folder; when it is left, the socket and every connection are gone.

        Raises: NoSocket.
        """
        try:
            listener = _listen(folder, self._user)
        except OSError as error:
            raise NoSocket(f"the run's socket cannot be made: {error.strerror}") from None
        server = await asyncio.start_unix_server(self._accept, sock=listener, limit=MAX_HEAD)
        try:
            yield
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            with contextlib.suppress(OSError):
                (folder / SOCKET).unlink()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not _is_peer(writer, self._user):
                return
            if len(self._tasks) > MOST_CONNECTIONS:
                await _send(writer, problem(TooManyConnections()), keep=False)
                return
            while await self._exchange(reader, writer):
                continue
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            return  # it went away, or took longer or more room than it has
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether another may follow."""
        async with asyncio.timeout(IDLE_S):
            first = await reader.readexactly(1)
        async with asyncio.timeout(HEAD_S):
            head = first + await reader.readuntil(b"\r\n\r\n")
        try:
            request = _parse(head, reader)
        except BadInput as error:
            await _send(writer, problem(error), keep=False)
            return False
        if request.headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            answer = await self._route(request)(request)
        except PaddockError as error:
            answer = problem(error)
        while 0 < request.left <= _LEFT:
            await request.read(_PIECE)
        keep = not request.left and request.headers.get("connection", "").lower() != "close"
        await _send(writer, answer, keep=keep, bare=request.method == "HEAD")
        return keep

    def _route(self, request: Request) -> Handler:
        parts = request.path.split("/", 3)
        if len(parts) < 3 or parts[1] != "v1" or parts[2] not in self._routes:
            raise NotFound(f"nothing is at {request.path[:100]}")
        return self._routes[parts[2]]


def _listen(folder: Path, user: User) -> socket.socket:
    """A listening socket; through the folder's descriptor, for a socket's own path may only be short."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{handle}/{SOCKET}")
        (folder / SOCKET).chmod(0o600)
        if os.geteuid() == 0:
            os.chown(folder / SOCKET, user.uid, user.gid, follow_symlinks=False)
        listener.listen(MOST_CONNECTIONS)
    except OSError:
        listener.close()
        raise
    finally:
        os.close(handle)
    return listener


def _is_peer(writer: asyncio.StreamWriter, user: User) -> bool:
    raw = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    return bool(uid == user.uid)


def _parse(head: bytes, reader: asyncio.StreamReader) -> Request:
    """Raises: BadRequest."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        raise BadRequest()
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name.strip() != name or name.lower() in headers:
            raise BadRequest("a header is not one name and one value, once")
        headers[name.lower()] = value.strip()
    size = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not (size.isascii() and size.isdigit() and len(size) < 12):
        raise BadRequest("a body is sent with its Content-Length")
    if int(size) > MAX_BODY:
        raise BadRequest(f"a body has at most {MAX_BODY:,} bytes")
    path, _, query = words[1].partition("?")
    try:
        path, pairs = unquote(path, errors="strict"), dict(parse_qsl(query, keep_blank_values=True, errors="strict"))
    except ValueError:
        raise BadRequest("the path is no UTF-8") from None
    return Request(words[0], path, pairs, headers, reader, int(size))


async def _send(writer: asyncio.StreamWriter, answer: Answer, *, keep: bool, bare: bool = False) -> None:
    size = answer.size if answer.parts is not None else len(answer.body)
    headers = {"content-type": "application/json", **(answer.headers or {}), "content-length": str(size)}
    if not keep:
        headers["connection"] = "close"
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
    await _write(writer, head + (b"" if bare else answer.body))
    if answer.parts is not None and not bare:
        async for part in answer.parts:
            await _write(writer, part)


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    async with asyncio.timeout(SEND_S):
        await writer.drain()
