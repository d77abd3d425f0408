"""What the control plane fetches for somebody stays where it was sent, and goes nowhere that was not meant."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from paddock.core.errors import BadInput, PaddockError
from paddock.forges.link import Link, check_base, new_client
from paddock.forges.quota import Quota

NO_PLACES = [
    "http://2130706433/api",  # 127.0.0.1 as a number
    "http://0x7f000001",
    "http://169.254.169.254/latest",
    "http://[::ffff:10.0.0.1]",
    "http://127.0.0.1.evil.test",
    "http://localhost@evil.test",
    "https://name:word@git.example.org",
    "file:///etc/passwd",
    "gopher://127.0.0.1:70",
    "//127.0.0.1",
]


@pytest.mark.parametrize("address", NO_PLACES)
def test_a_forge_stands_where_it_can_prove_who_it_is_or_on_this_host(address: str) -> None:
    with pytest.raises(BadInput):
        check_base(address)


@contextmanager
def server(location: str = "") -> Iterator[tuple[str, list[str]]]:
    """A web server that sends everybody on to `location`, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers['authorization']}")
            self.send_response(302 if location else 200)
            self.send_header("location", location)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{http.server_port}", asked
        finally:
            http.shutdown()


async def test_a_forge_that_sends_elsewhere_is_not_followed_and_the_token_stays() -> None:
    with server() as (inside, seen), server(f"{inside}/latest/meta-data") as (forge, asked):
        async with new_client() as client:
            link = Link(client, forge, {"authorization": "token t0ken"}, "t0ken", Quota(), lambda: 1)
            with pytest.raises(PaddockError, match="answered 302") as told:
                await link.get("/user")
    assert asked == ["/user token t0ken"] and not seen
    assert "t0ken" not in told.value.message
