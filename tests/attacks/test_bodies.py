"""Bodies that never end, say too much, or are laid out to break whoever reads them; and lines that forge a log's."""

import gzip
import http.client
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from paddock.web import agents_api
from ui.fleet import House, house

HELD = 50
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(Path(tmp_path_factory.mktemp("bodies")) / "home") as made:
        yield made


def head(method: str, path: str, *fields: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def connect(served: House, sent: bytes) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", served.port), timeout=40)
    try:
        link.sendall(sent)
    except (BrokenPipeError, ConnectionResetError):  # cut off while it was still sending
        pass
    return link


def answer(link: socket.socket) -> bytes:
    """Everything until the server ends the connection; it fails where that never comes."""
    parts = []
    with closing(link):
        try:
            while part := link.recv(65_536):
                parts.append(part)
        except ConnectionResetError:
            pass
    return b"".join(parts)


def test_who_does_not_end_a_body_is_let_go_and_others_are_answered(
    served: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents_api, "BODY_SECONDS", 1)
    begun = (JSON, "Content-Length: 1000")
    held = [connect(served, head("POST", path, *begun) + b"{") for path in ("/v1/limits", "/v1/beat") * HELD]
    for _ in range(20):
        assert served.get("/v1/health")["ok"]
    for link in held:
        said = answer(link)
        assert said.startswith(b"HTTP/1.1 408") and b"too_slow" in said and b"onnection: close" in said
    assert served.get("/v1/health")["ok"]


def test_a_body_that_is_too_much_is_not_read(served: House) -> None:
    chunks = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    endless = connect(served, head("POST", "/v1/limits", JSON, "Transfer-Encoding: chunked") + chunks * 200)
    assert answer(endless)[:12] in (b"HTTP/1.1 413", b"")
    for body, *fields in (
        (gzip.compress(b" " * (8 << 20)), "Content-Encoding: gzip"),
        (b"[" * 200_000,),
        (b'{"name": ' + b"9" * 100_000 + b"}",),
        (b'\xef\xbb\xbf{"name": "x"}',),
        (b'{"name": "\xed\xa0\x80"}',),
        (b"",),
        (b"null",),
    ):
        length = f"Content-Length: {len(body)}"
        sent = head("POST", "/v1/limits", JSON, length, "Connection: close", *map(str, fields)) + body
        assert answer(connect(served, sent)).startswith(b"HTTP/1.1 400"), body[:20]
    assert served.get("/v1/health")["ok"]


def test_no_line_of_a_log_is_a_clients(served: House, caplog: pytest.LogCaptureFixture) -> None:
    agent = 'x\\n{"level": "error"}' + "y" * 20_000
    path = "/v1/jobs/%0a%0d%7b%22level%22:%22error%22%7d%1b%5b31m"
    assert answer(connect(served, head("GET", path, f"User-Agent: {agent}", "Connection: close")))
    assert "yyyy" not in caplog.text and "level" not in caplog.text


def test_whoever_asks_too_fast_starves_nobody(served: House) -> None:
    floods = [connect(served, head("GET", "/v1/health") * 300) for _ in range(10)]
    link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=40)
    link.request("GET", "/v1/fleet")
    assert link.getresponse().status == 200
    link.close()
    for flood in floods:
        flood.close()
