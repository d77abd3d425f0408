"""The socket of a run: what it takes, what it refuses, and that no run can hold it up."""

import asyncio
import contextlib
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paddock.agent import local_socket
from paddock.agent.local_socket import Answer, LocalSocket, Request
from paddock.core.errors import Refused
from paddock.runners.base import SOCKET
from paddock.sandbox import User

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def _me(peer: int) -> User:
    return User(peer, peer)


async def _echo(request: Request) -> Answer:
    if request.path == "/v1/echo/no":
        raise Refused("never")
    if request.path == "/v1/echo/parts":
        return Answer(parts=_parts(), size=6)
    if request.path == "/v1/echo/unread":
        return Answer(413)
    return Answer(body=json.dumps([request.method, request.path, dict(request.query)]).encode())


async def _parts() -> AsyncIterator[bytes]:
    for part in (b"abc", b"def"):
        yield part


@contextlib.asynccontextmanager
async def _served(folder: Path, peer: int) -> AsyncIterator[LocalSocket]:
    made = LocalSocket({"echo": _echo}, _me(peer))
    async with made.open(folder):
        yield made


@pytest.fixture
def own_uid() -> int:
    return os.geteuid()


async def _connect(folder: Path) -> Streams:
    return await asyncio.open_unix_connection(str(folder / SOCKET))


async def _ask(streams: Streams, head: bytes, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    reader, writer = streams
    writer.write(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
    if " 100 " in first:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def test_requests_share_a_connection(tmp_path: Path, own_uid: int) -> None:
    async with _served(tmp_path, own_uid):
        assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600
        streams = await _connect(tmp_path)
        told = await _ask(streams, b"GET /v1/echo/a%2Fb%20c?x=1&y= HTTP/1.1\nHost: x")
        assert json.loads(told[2]) == ["GET", "/v1/echo/a/b c", {"x": "1", "y": ""}]
        put = b"PUT /v1/echo/z HTTP/1.1\nContent-Length: 3\nExpect: 100-continue"
        assert (await _ask(streams, put, b"abc"))[0] == 200  # what the handler left of a body is in nobody's way
        assert (await _ask(streams, b"GET /v1/echo/parts HTTP/1.1"))[2] == b"abcdef"
        assert (await _ask(streams, b"GET /v1/echo/no HTTP/1.1"))[0] == 403
        assert (await _ask(streams, b"GET /v1/fleet HTTP/1.1"))[0] == 404
        assert (await _ask(streams, b"GET /v1/echo HTTP/1.1\nConnection: close"))[1]["connection"] == "close"
        assert await streams[0].read() == b""
        streams[1].close()
    assert not (tmp_path / SOCKET).exists()


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense",
        b"GET / HTTP/1.1\nno colon",
        b"GET / HTTP/1.1\nA: 1\na: 2",
        b"GET / HTTP/1.1\nA : 1",
        b"PUT / HTTP/1.1\nTransfer-Encoding: chunked",
        b"PUT / HTTP/1.1\nContent-Length: -1",
        b"PUT / HTTP/1.1\nContent-Length: 999999999",
        b"GET /%ff HTTP/1.1",
        b"GET http://elsewhere/ HTTP/1.1",
    ],
)
async def test_what_is_no_request_ends_its_connection(tmp_path: Path, own_uid: int, head: bytes) -> None:
    async with _served(tmp_path, own_uid):
        streams = await _connect(tmp_path)
        assert (await _ask(streams, head))[0] == 400
        assert await streams[0].read() == b""
        streams[1].close()


async def test_a_head_without_end_ends_its_connection(tmp_path: Path, own_uid: int) -> None:
    async with _served(tmp_path, own_uid):
        reader, writer = await _connect(tmp_path)
        with contextlib.suppress(OSError):
            writer.write(b"GET /v1/echo HTTP/1.1\r\nA: " + b"x" * (1 << 20))
            await writer.drain()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_who_is_slow_loses_his_connection(tmp_path: Path, own_uid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_socket, "HEAD_S", 0.05)
    monkeypatch.setattr(local_socket, "BODY_S", 0.05)
    async with _served(tmp_path, own_uid):
        for sent in (b"GET /v1/ec", b"PUT /v1/echo/unread HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"):
            reader, writer = await _connect(tmp_path)
            writer.write(sent)
            async with asyncio.timeout(30):
                assert await reader.read() == b""
            writer.close()


async def test_connections_are_counted(tmp_path: Path, own_uid: int) -> None:
    async with _served(tmp_path, own_uid):
        many = [await _connect(tmp_path) for _ in range(local_socket.MOST_CONNECTIONS)]
        for streams in many:
            assert (await _ask(streams, b"GET /v1/echo HTTP/1.1"))[0] == 200
        reader, writer = await _connect(tmp_path)
        assert b" 503 " in await reader.readline()
        many.append((reader, writer))
        for _, open_one in many:
            open_one.close()


async def test_another_user_is_not_heard(tmp_path: Path, own_uid: int) -> None:
    async with _served(tmp_path, own_uid + 1):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as link:
            link.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(link, str(tmp_path / SOCKET))
            with contextlib.suppress(BrokenPipeError):
                await loop.sock_sendall(link, b"GET /v1/echo HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert await loop.sock_recv(link, 10) == b""


async def test_a_long_path_does_not_matter(tmp_path: Path, own_uid: int) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    async with _served(folder, own_uid):
        assert (folder / SOCKET).is_socket()
