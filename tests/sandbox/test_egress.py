"""The way out of a box: what is asked crookedly is refused before DNS; what is allowed goes where it was checked."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from paddock.sandbox.egress import Egress, Rules
from paddock.sandbox.egress_request import BadRequest, Target, parse
from support.wait import wait_until

HERE = ("127.0.0.0/8",)
OK = b"HTTP/1.1 200"


@dataclass
class Scene:
    """A proxy, a server behind it, and what the resolver was asked."""

    port: int
    egress: Egress
    door: tuple[str, int]
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    failed: threading.Event = field(default_factory=threading.Event)
    addresses: list[str] = field(default_factory=lambda: ["127.0.0.1"])

    def ask(self, request: bytes) -> socket.socket:
        link = socket.create_connection(self.door, timeout=30)
        with contextlib.suppress(OSError):  # it may be refused before all of it is sent
            link.sendall(request)
        return link

    def status(self, request: bytes) -> int:
        """The status of the answer; 0 when there was none."""
        with self.ask(request) as link, contextlib.suppress(ConnectionError):
            return int(link.recv(65_536)[9:12] or 0)
        return 0

    def through(self, host: str = "allowed.test") -> socket.socket:
        link = self.ask(f"CONNECT {host}:{self.port} HTTP/1.1\r\n\r\n".encode())
        assert link.recv(39).startswith(OK)
        return link

    def wait_said(self, words: str) -> str:
        for _ in range(3_000):
            found = next((line for line in self.said if words in line), "")
            if found or self.failed.wait(0.01):
                return found
        raise AssertionError(f"never said {words!r}: {self.said}")


Make = Callable[..., Scene]


def echo(server: socket.socket) -> None:
    def answer(link: socket.socket) -> None:
        with link, contextlib.suppress(OSError):
            while data := link.recv(65_536):
                link.sendall(data)

    with contextlib.suppress(OSError):
        while True:
            link, _ = server.accept()
            threading.Thread(target=answer, args=(link,), daemon=True).start()


@pytest.fixture
def make() -> Iterator[Make]:
    with contextlib.ExitStack() as stack:

        def build(
            hosts: Sequence[str] = ("allowed.test:{port}", "*.wild.test:443"),
            private: Sequence[str] = HERE,
            say: Callable[[str], None] | None = None,
            **more: object,
        ) -> Scene:
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            threading.Thread(target=echo, args=(server,), daemon=True).start()
            port = server.getsockname()[1]
            rules = Rules(tuple(h.format(port=port) for h in hosts), tuple(private), **more)  # type: ignore[arg-type]
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            scene: Scene

            def resolve(host: str, _: int) -> Sequence[str]:
                scene.asked.append(host)
                return scene.addresses

            egress = Egress(rules, say or (lambda line: scene.said.append(line)), lambda: scene.failed.set(), resolve)
            scene = Scene(port, stack.enter_context(egress), listener.getsockname())
            socket.send_fds(egress.theirs, [b"d"], [listener.fileno()])
            assert egress.theirs.recv(1) == b"k"
            return scene

        yield build


@pytest.fixture
def scene(make: Make) -> Scene:
    return make()


def connect(target: bytes, rest: bytes = b"") -> bytes:
    return b"CONNECT " + target + b" HTTP/1.1\r\n" + rest + b"\r\n"


CROOKED = {
    "a NUL in the name": (connect(b"evil.test\0.allowed.test:443"), 400),
    "an encoded NUL": (connect(b"evil.test%00.allowed.test:443"), 400),
    "a tab": (connect(b"allowed.test\t:443"), 400),
    "a fragment": (connect(b"evil.test#.allowed.test:443"), 400),
    "a query": (connect(b"evil.test?.allowed.test:443"), 400),
    "a backslash": (connect(b"evil.test\\.allowed.test:443"), 400),
    "a user": (connect(b"allowed.test@evil.test:443"), 400),
    "a full-width dot": (connect("evil。allowed.test:443".encode()), 400),
    "a bare CR": (connect(b"allowed.test:443\rX: y"), 400),
    "a port too large": (connect(b"allowed.test:65536"), 400),
    "a port far too large": (connect(b"allowed.test:4294967739"), 400),
    "a port with zeros": (connect(b"allowed.test:0443"), 400),
    "no port": (connect(b"allowed.test"), 400),
    "port 0": (connect(b"allowed.test:0"), 403),
    "an octal address": (connect(b"0177.0.0.1:443"), 403),
    "a decimal address": (connect(b"2130706433:443"), 403),
    "a hexadecimal address": (connect(b"0x7f000001:443"), 403),
    "a dotted address": (connect(b"127.0.0.1:443"), 403),
    "an IPv6 address": (connect(b"[::1]:443"), 400),
    "a mapped address": (connect(b"[::ffff:10.0.0.1]:443"), 400),
    "the apex of a wildcard": (connect(b"wild.test:443"), 403),
    "two labels below a wildcard": (connect(b"a.b.wild.test:443"), 403),
    "a name that only ends alike": (connect(b"evilallowed.test:443"), 403),
    "data in labels": (connect(b"c2VjcmV0.evil.test:443"), 403),
    "another port": (connect(b"a.wild.test:22"), 403),
    "plain HTTP": (b"GET http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n", 405),
    "a relayed CONNECT": (connect(b"a.wild.test:443", b"Host: evil.test:443\r\n"), 400),
    "two Host fields": (connect(b"a.wild.test:443", b"Host: a.wild.test:443\r\nHost: a.wild.test:443\r\n"), 400),
    "a body": (connect(b"a.wild.test:443", b"Content-Length: 5\r\n"), 400),
    "chunks": (connect(b"a.wild.test:443", b"Transfer-Encoding: chunked\r\n"), 400),
    "a folded field": (connect(b"a.wild.test:443", b"X: y\r\n z\r\n"), 400),
    "a bare LF": (b"CONNECT a.wild.test:443 HTTP/1.1\n\r\n\r\n", 400),
    "another version": (b"CONNECT a.wild.test:443 HTTP/2.0\r\n\r\n", 400),
    "a small method": (b"connect a.wild.test:443 HTTP/1.1\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", CROOKED)
def test_what_is_asked_in_a_crooked_way_is_refused_without_a_question_to_dns(name: str) -> None:
    request, status = CROOKED[name]
    with pytest.raises(BadRequest) as caught:
        target = parse(request.partition(b"\r\n\r\n")[0])
        raise BadRequest(403, f"{target} is for the rules to refuse")
    assert caught.value.status == status


def test_over_the_wire_they_end_the_same_way(scene: Scene) -> None:
    told = {name: scene.status(request) for name, (request, _) in CROOKED.items()}
    assert told == {name: status for name, (_, status) in CROOKED.items()}
    assert scene.asked == []
    assert scene.egress.tally.refused == len(CROOKED) and scene.egress.tally.allowed == 0
    assert len([line for line in scene.said if " refused: " in line]) == len(CROOKED)


def test_a_name_in_capitals_with_a_final_dot_is_the_same_name() -> None:
    assert parse(b"CONNECT Allowed.TEST.:443 HTTP/1.1") == Target("allowed.test", 443)


def test_a_head_without_an_end_is_cut_off(scene: Scene) -> None:
    assert scene.status(b"CONNECT allowed.test:443 HTTP/1.1\r\nX: " + b"x" * 70_000) in (0, 431)


def test_what_is_allowed_passes_both_ways_and_is_logged(scene: Scene) -> None:
    with scene.through() as link:
        link.sendall(b"hello")
        assert link.recv(100) == b"hello"
        link.shutdown(socket.SHUT_WR)
        assert link.recv(100) == b""
    assert scene.asked == ["allowed.test"]
    assert f"allowed.test:{scene.port} allowed by" in scene.wait_said("allowed by")
    assert "5 bytes out, 5 in" in scene.wait_said("bytes out")


def test_a_denied_host_makes_no_question_to_dns(scene: Scene) -> None:
    assert scene.status(connect(b"secret-in-a-label.evil.test:443")) == 403
    assert scene.asked == []


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "10.0.0.1", "192.168.1.1", "0.0.0.0", "::1", "::ffff:10.0.0.1", "fe80::1%eth0", "100.64.0.1"],
)
def test_a_name_that_leads_inside_is_refused(make: Make, address: str) -> None:
    scene = make(private=())
    scene.addresses = ["93.184.216.34", address]  # one bad address is enough
    assert scene.status(connect(f"allowed.test:{scene.port}".encode())) == 403
    assert scene.egress.tally.allowed == 0


def test_a_name_that_changes_its_address_leads_to_the_checked_one(make: Make) -> None:
    scene = make()
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    scene.egress.resolve = lambda host, _: (scene.asked.append(host), next(answers))[1]  # type: ignore[func-returns-value]
    with scene.through() as link:
        link.sendall(b"x")
        assert link.recv(1) == b"x"
    assert scene.asked == ["allowed.test"]  # asked once: the connection went to what was checked
    assert scene.status(connect(f"allowed.test:{scene.port}".encode())) == 403


def tls(name: str | None) -> bytes:
    """What a client of TLS says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = False
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def test_a_connection_greets_the_host_it_was_let_through_for(make: Make) -> None:
    scene = make(hosts=("allowed.test:{port}",))
    plain = b"GET / HTTP/1.1\r\nAccept: */*\r\nHost: %s\r\n\r\n"
    passes = [
        tls("allowed.test"),
        tls("Allowed.Test"),
        plain % b"allowed.test:80",
        b"SSH-2.0-x\r\n",
        b"go",
        b"\x00\x01",
    ]
    for greeting in passes:
        with scene.through() as link:
            for part in (greeting[:3], greeting[3:]):  # in pieces, as it may come
                link.sendall(part)
            told = b""
            while len(told) < len(greeting):
                told += link.recv(65_536)
            assert told == greeting
    held = [
        tls("evil.test"), tls(None), tls("evil.test")[:60] + tls("allowed.test"), plain % b"evil.test",
        (plain % b"allowed.test").replace(b"Accept", b"Host"), b"GET / HTTP/1.0\r\n\r\n", b"PRI * HTTP/2.0\r\n",
    ]  # fmt: skip
    for greeting in held:
        with scene.through() as link, contextlib.suppress(ConnectionError):
            link.sendall(greeting)
            link.shutdown(socket.SHUT_WR)
            assert link.recv(65_536) == b"", greeting
    scene.wait_said("refused: it greets 'evil.test' instead")
    wait_until(lambda: scene.egress.tally.refused == len(held), 30, what="all are counted")


def test_the_budget_of_bytes_ends_the_connection(make: Make) -> None:
    scene = make(most_bytes=10_000)
    with scene.through() as link, contextlib.suppress(ConnectionError):
        link.sendall(b"x" * 100_000)
        while link.recv(65_536):
            pass
    assert "as many bytes as it may" in scene.wait_said("bytes out")
    assert scene.egress.tally.sent <= 10_000


def test_silence_ends_the_connection(make: Make) -> None:
    scene = make(idle_s=0.2)
    with scene.through() as link:
        assert link.recv(1) == b""
    assert "idle for" in scene.wait_said("bytes out")


def test_what_cannot_be_logged_is_not_served_and_the_run_is_told(make: Make) -> None:
    def full(_: str) -> None:
        raise ValueError("the log is gone")

    scene = make(say=full)
    assert scene.status(connect(f"allowed.test:{scene.port}".encode())) == 0
    assert scene.failed.wait(30) and scene.asked == ["allowed.test"]
    assert scene.egress.tally.allowed == 0


def test_closing_ends_every_connection(scene: Scene) -> None:
    link = scene.through()
    scene.egress.close()
    with link, contextlib.suppress(ConnectionError):
        assert link.recv(1) == b""
    assert not scene.failed.is_set()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(scene.door, timeout=30)
