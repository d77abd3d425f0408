"""Secrets that the proxy adds: who gets them, what of the run's own is taken out, and what the run sees of them."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from paddock.core.secrets import Secret
from paddock.sandbox.egress import Egress, Rules
from paddock.sandbox.egress_request import BadRequest
from paddock.sandbox.egress_upstream import Upstream, read_head
from support.model import Model

KEY = "sk-of-the-owner-0123456789"
HEAD = "POST /up/model/v1/messages?beta=1 HTTP/1.1\r\nHost: 127.0.0.1:3128\r\n"


class Scene:
    """A proxy with one upstream."""

    def __init__(self, folder: Path) -> None:
        self.model = Model(folder, KEY, lambda path, body: path.encode() + b" " + body)
        self.secret = Secret(host=self.model.host, header="x-api-key", ca=str(self.model.ca), paths=("/v1/*", "/echo"))
        self.said: list[str] = []
        self.failed: list[bool] = []
        self._open = contextlib.ExitStack()
        self.open()

    def open(self, most: int = 1 << 30, **changes: object) -> Egress:
        self._open.close()
        self._door = self._open.enter_context(socket.create_server(("127.0.0.1", 0)))
        secret = msgspec.structs.replace(self.secret, **changes)
        self.egress = Egress(
            Rules((), ("127.0.0.0/8", "::1/128"), most), self.said.append, lambda: self.failed.append(True),
            upstreams={"model": Upstream("model", secret, KEY)},
        )  # fmt: skip
        self._open.enter_context(self.egress)
        socket.send_fds(self.egress.theirs, [b"d"], [self._door.fileno()])
        assert self.egress.theirs.recv(1) == b"k"
        return self.egress

    def ask(self, request: str) -> tuple[int, str]:
        """The status and all that came, without its frame."""
        with socket.create_connection(self._door.getsockname(), timeout=30) as link:
            link.sendall(request.encode())
            data = b""
            while more := link.recv(65_536):
                data += more
        return int(data[9:12] or 0), data.decode()

    def close(self) -> None:
        self._open.close()
        self.model.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("model"))
    yield made
    made.close()


def test_a_request_is_sent_on_with_the_secret_and_without_the_runs_own_rights(scene: Scene) -> None:
    own = "X-Api-Key: sk-of-an-attacker\r\nAuthorization: Bearer own\r\nCookie: a=b\r\nAccept-Encoding: gzip\r\n"
    status, text = scene.ask(HEAD + own + "X-Kept: yes\r\nContent-Length: 5\r\n\r\nhelloGET /next HTTP/1.1\r\n\r\n")
    assert status == 200 and text.endswith("/v1/messages?beta=1 hello") and text.count("HTTP/1.1") == 1
    seen = scene.model.seen[-1]
    assert seen["x-api-key"] == KEY and seen["host"] == scene.model.host and seen["x-kept"] == "yes"
    assert {"authorization", "cookie"}.isdisjoint(seen) and seen["accept-encoding"] == "identity"
    assert KEY not in text and any("model: POST /v1/messages 200: 5 bytes out" in line for line in scene.said)


def test_bodies_in_chunks_pass_and_an_announced_one_is_asked_for(scene: Scene) -> None:
    body = "3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n"
    status, text = scene.ask(HEAD + "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n" + body)
    assert status == 100 and "HTTP/1.1 200" in text and scene.model.bodies[-1] == b"abcde"


def test_an_answer_that_repeats_the_secret_comes_covered(scene: Scene) -> None:
    status, text = scene.ask("GET /up/model/echo HTTP/1.1\r\n\r\n")
    assert status == 200 and KEY not in text and f"X-Told: {'*' * len(KEY)}" in text
    body = "".join(text.partition("\r\n\r\n")[2].split("\r\n")[1::2])
    assert f'"x-api-key": "{"*" * len(KEY)}"' in body.replace("X-Api", "x-api") and text.endswith("0\r\n\r\n")


CROOKED = {
    "two lengths": (HEAD + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "a length and chunks": (HEAD + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "another coding": (HEAD + "Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
    "a length with a sign": (HEAD + "Content-Length: +1\r\n\r\n", 400),
    "another protocol": (HEAD + "Upgrade: websocket\r\n\r\n", 400),
    "a folded field": (HEAD + "X: y\r\n z\r\n\r\n", 400),
    "a space before the colon": (HEAD + "X : y\r\n\r\n", 400),
    "an old version": ("GET /up/model/v1/x HTTP/1.0\r\n\r\n", 400),
    "a fragment": ("GET /up/model/v1/x#y HTTP/1.1\r\n\r\n", 400),
    "a step up": ("GET /up/model/v1/../admin HTTP/1.1\r\n\r\n", 403),
    "a step up in disguise": ("GET /up/model/v1/%2e%2e/admin HTTP/1.1\r\n\r\n", 403),
    "a slash in disguise": ("GET /up/model/v1/..%2fadmin HTTP/1.1\r\n\r\n", 403),
    "an empty step": ("GET /up/model/v1//x HTTP/1.1\r\n\r\n", 403),
    "a path that the policy does not name": ("GET /up/model/admin HTTP/1.1\r\n\r\n", 403),
    "a secret of another run": ("GET /up/other/v1/x HTTP/1.1\r\n\r\n", 403),
    "the host itself": ("CONNECT {host} HTTP/1.1\r\n\r\n", 403),
    "another host through the proxy": ("GET http://evil.test/up/model/v1/x HTTP/1.1\r\n\r\n", 405),
}


def test_what_could_be_read_in_two_ways_reaches_no_host(scene: Scene) -> None:
    before = len(scene.model.seen)
    asked = {name: scene.ask(text.format(host=scene.model.host))[0] for name, (text, _) in CROOKED.items()}
    assert asked == {name: status for name, (_, status) in CROOKED.items()}
    bad = scene.ask(HEAD + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX\r\n0\r\n\r\n")
    assert bad[0] == 502 and len(scene.model.seen) == before and not scene.failed


def test_hosts_that_do_not_prove_who_they_are_get_nothing(scene: Scene) -> None:
    before = len(scene.model.seen)
    scene.open(ca="")
    status, text = scene.ask(HEAD + "Content-Length: 0\r\n\r\n")
    assert status == 502 and "certificate" in text and len(scene.model.seen) == before
    scene.open(methods=("GET",))
    assert scene.ask(HEAD + "Content-Length: 0\r\n\r\n")[0] == 403
    scene.open(most=10)
    assert scene.ask(HEAD + "Content-Length: 20\r\n\r\n" + "x" * 20)[0] == 502
    scene.open()


def test_a_head_is_read_once() -> None:
    asked = read_head(b"GET http://127.0.0.1:3128/up/model HTTP/1.1\r\nConnection: keep-alive, X-Kept\r\nX-Kept: 1")
    assert (asked.name, asked.path, asked.fields) == ("model", "/", (("x-kept", "1"),))
    with pytest.raises(BadRequest):
        read_head(b"GET /up/ HTTP/1.1")


def test_the_value_is_never_shown(scene: Scene) -> None:
    assert KEY not in repr(scene.egress) + repr(scene.egress.upstreams)
