"""Clients that are slow, endless or odd: they are let go, and everybody else is answered meanwhile."""

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest
import uvicorn

from paddock.web import protocol
from support.fleet import Fleet

HEAD = b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
# How many clients of each kind there are.
MANY = 60


@pytest.fixture
def crowd(plane: Fleet) -> Iterator[list[socket.socket]]:
    """Clients that have begun a request and never end it."""
    made: list[socket.socket] = []
    for start in (
        HEAD,
        HEAD + b"X: y",
        b"POST /v1/beat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ):
        for _ in range(MANY):
            link = socket.create_connection(("127.0.0.1", plane.port), timeout=30)
            link.sendall(start)
            made.append(link)
    yield made
    for link in made:
        link.close()


def ask(plane: Fleet, *parts: bytes) -> bytes:
    """What is answered to these bytes, until the connection ends."""
    with socket.create_connection(("127.0.0.1", plane.port), timeout=30) as link:
        try:
            for part in parts:
                link.sendall(part)
        except OSError:  # it was let go before it had said all
            pass
        got = b""
        try:
            while part := link.recv(65_536):
                got += part
        except OSError:
            pass
        return got


@pytest.mark.usefixtures("crowd")
def test_who_is_slow_keeps_nobody_waiting(plane: Fleet) -> None:
    for _ in range(20):
        assert plane.api.get("/v1/health")["ok"]


def test_headers_that_do_not_end_are_refused(plane: Fleet) -> None:
    endless = [b"X: " + b"a" * 65_536] * 32
    many = b"".join(b"X-%d: y\r\n" % number for number in range(200))
    assert ask(plane, HEAD + many + b"\r\n").startswith(b"HTTP/1.1 431 ")
    for parts in ((HEAD, *endless), (HEAD + b"User-Agent: " + b"a" * 1_000_000 + b"\r\n\r\n",)):
        # Who goes on sending to what is closed may not get to read the answer.
        assert ask(plane, *parts)[:13] in (b"", b"HTTP/1.1 431 ")
    assert plane.api.get("/v1/health")["ok"]


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n\r\n\x00\x01\x02",
        b"GET / HTTP/9.9\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
        b"CONNECT x:443 HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_nothing_breaks(plane: Fleet, request_: bytes) -> None:
    got = ask(plane, request_ + b"" if request_.endswith(b"\n") else request_ + b"\r\n\r\n")
    assert got == b"" or 400 <= int(got.split()[1]) < 500, got
    assert plane.api.get("/v1/health")["ok"]


def test_a_packed_body_is_not_unpacked(plane: Fleet) -> None:
    body = b"\x1f\x8b" + b"\0" * 1_000
    head = b"POST /v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
    got = ask(plane, head + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert got.split()[1] == b"400" and json.loads(got.partition(b"\r\n\r\n")[2])["error"]["code"]


async def test_who_does_not_begin_or_end_his_headers_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEADERS_S", 0.1)

    async def app(_scope: object, _receive: object, _send: object) -> None:
        raise AssertionError("no request was whole")

    config = uvicorn.Config(app, http=protocol.Bounded, lifespan="off", log_level="critical")
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: protocol.Bounded(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    for words in (b"", b"G", HEAD):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(words)
        assert (await asyncio.wait_for(reader.read(), 30)).startswith(b"HTTP/1.1 408 ")
        writer.close()
    server.close()
    await server.wait_closed()
