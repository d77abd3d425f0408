"""The one way out of a box: a proxy of the agent's that listens inside the job's network.

A connection is judged in this order: the request is read strictly, its host is held against the rules, and only then
is DNS asked; every address that it gives must be one a job may reach; the connection goes to a checked address; and the
host that it then greets must be the one it was let through for. What cannot be logged is not served, and a proxy that
fails ends the job.
"""

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from paddock.core.scope_hosts import Network, find_rule, parse_network, parse_rule, reachable
from paddock.sandbox.egress_exchange import Exchange
from paddock.sandbox.egress_hello import Hello
from paddock.sandbox.egress_relay import Budget, Relay
from paddock.sandbox.egress_request import MAX_HEAD, BadRequest, Target, parse
from paddock.sandbox.egress_upstream import PORT, Asked, Upstream, for_upstream, read_head

# Seconds: for a request, for a connection, of silence, and until the box has begun.
HEAD_S, CONNECT_S, IDLE_S, OPEN_S = 10.0, 15.0, 300.0, 600.0
MOST_CONNECTIONS = 128
_REASONS = {400: "Bad Request", 403: "Forbidden", 405: "Method Not Allowed", 431: "Too Large", 502: "Bad Gateway"}

Resolve = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as this host's resolver gives them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Rules:
    """Where a run may go: rules for hosts, ranges that are not public but allowed, and bytes in all."""

    hosts: tuple[str, ...]
    private: tuple[str, ...] = ()
    most_bytes: int = 1 << 40
    idle_s: float = IDLE_S


@dataclass
class Tally:
    """What the connections of a run came to; bytes as the job sees them."""

    allowed: int = 0
    refused: int = 0
    sent: int = 0
    received: int = 0


class Refused(BadRequest):
    """A target that a run may not reach."""


@dataclass
class Egress:
    """Serves one run, from `with` to its end. `say` takes a line per connection; `fail` is called once if it breaks.

    `upstreams` are the secrets that are added to the run's requests, by name.
    """

    rules: Rules
    say: Callable[[str], None]
    fail: Callable[[], None]
    resolve: Resolve = resolve
    tally: Tally = field(default_factory=Tally)
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._hosts = [parse_rule(text) for text in self.rules.hosts]
        self._private: list[Network] = [parse_network(text, "private") for text in self.rules.private]
        self._budget = Budget(self.rules.most_bytes)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = False

    def __enter__(self) -> "Egress":
        self._ours, self.theirs = socket.socketpair()
        self._ours.settimeout(OPEN_S)
        threading.Thread(target=self._serve, name="egress", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every connection and takes no more."""
        with self._lock:
            self._closed = True
            held = [*self._open, self._ours, self.theirs]
            self._open.clear()
        for each in held:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self) -> None:
        """Takes the listening socket that the box hands out, and answers on it."""
        try:
            _, handles, _, _ = socket.recv_fds(self._ours, 1, 1)
            if not handles:
                return
            with socket.socket(fileno=handles[0]) as door:
                self._hold(door)
                self._ours.sendall(b"k")
                self._accept(door)
        except OSError:
            self._broken()

    def _accept(self, door: socket.socket) -> None:
        door.settimeout(None)
        while True:
            inner, _ = door.accept()
            if not self._hold(inner):
                inner.close()
                continue
            threading.Thread(target=self._guarded, args=(inner,), name="egress-run", daemon=True).start()

    def _hold(self, each: socket.socket) -> bool:
        with self._lock:
            if self._closed or len(self._open) > MOST_CONNECTIONS:
                return False
            self._open.add(each)
            return True

    def _guarded(self, inner: socket.socket) -> None:
        try:
            self._answer(inner)
        except OSError:
            pass  # one of the two sides went away; the line about it is written
        except Exception:  # noqa: BLE001 - what cannot be judged or told is not served: the run ends
            self._broken()
        finally:
            with self._lock:
                self._open.discard(inner)
            inner.close()

    def _broken(self) -> None:
        with self._lock:
            closed, self._closed = self._closed, True
        if not closed:
            self.close()
            self.fail()

    def _answer(self, inner: socket.socket) -> None:
        shown = "a request"
        try:
            head, rest = _head(inner)
            if self.upstreams and for_upstream(head):
                self._lend(inner, read_head(head), rest)
                return
            target = parse(head)
            shown = str(target)
            rule, addresses = self._judge(target)
            self._tell(f"{shown} allowed by {rule}, to {addresses[0]}")
            outer = _connect(addresses, target.port)
        except BadRequest as error:
            self.tally.refused += 1
            self._tell(f"{shown} refused: {error}")
            inner.sendall(_answer(error.status, str(error)))
            return
        self.tally.allowed += 1
        with self._held(outer):
            self._relay(inner, outer, rest, target)

    @contextlib.contextmanager
    def _held(self, outer: socket.socket) -> Iterator[None]:
        """Keeps a connection among those that end with the run. Raises: OSError when it has ended."""
        with outer:
            if not self._hold(outer):
                raise OSError("the run has ended")
            try:
                yield
            finally:
                with self._lock:
                    self._open.discard(outer)

    def _lend(self, inner: socket.socket, asked: Asked, rest: bytes) -> None:
        """One request to which a secret is added. Raises: BadRequest, OSError."""
        began, path = time.monotonic(), asked.path.partition("?")[0]
        shown = f"{asked.name}: {asked.method} {path[:200]}"
        upstream = self.upstreams.get(asked.name)
        if upstream is None:
            raise Refused(403, f"{asked.name} is not lent to this run")
        if not upstream.secret.takes(asked.method, path):
            raise Refused(403, f"{shown} does not carry it, says the policy")
        addresses = self._addresses(upstream.host, upstream.port)
        self._tell(f"{shown} allowed by the policy, to {addresses[0]}")
        outer = upstream.wrap(_connect(addresses, upstream.port))
        self.tally.allowed += 1
        exchange = Exchange(upstream, asked, self._pay)
        for each in (inner, outer):
            each.settimeout(self.rules.idle_s)
        why = ""
        try:
            with self._held(outer):
                exchange.run(inner, rest, outer)
        except (BadRequest, OSError) as error:
            why = f", ended early: {error or type(error).__name__}"
            if not exchange.status:
                raise BadRequest(502, f"{shown}: no answer came") from error
        finally:
            with self._lock:
                self.tally.sent += exchange.out
                self.tally.received += exchange.back
            took = time.monotonic() - began
            told = f"{exchange.status or 'no answer'}{why}: {exchange.out:,} bytes out, {exchange.back:,} in"
            self._tell(f"{shown} {told}, {took:.1f} s")

    def _pay(self, count: int) -> None:
        if not self._budget.take(count):
            raise OSError("the run has moved as many bytes as it may")

    def _relay(self, inner: socket.socket, outer: socket.socket, rest: bytes, target: Target) -> None:
        began = time.monotonic()
        relay = Relay(inner, outer, self._budget, self.rules.idle_s, Hello(target.host))
        inner.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        relay.run(rest)
        with self._lock:
            self.tally.refused += relay.refused
            self.tally.sent += relay.out
            self.tally.received += relay.back
        took = time.monotonic() - began
        self._tell(f"{target} {relay.why}: {relay.out:,} bytes out, {relay.back:,} in, {took:.1f} s")

    def _judge(self, target: Target) -> tuple[str, list[str]]:
        """The rule that allows a target, and its addresses, each of them checked."""
        rule = find_rule(self._hosts, target.host, target.port)
        if rule is None:
            raise Refused(403, "no rule of the scope takes it")
        return rule.text, self._addresses(target.host, target.port)

    def _addresses(self, host: str, port: int) -> list[str]:
        """A host's addresses, each of them checked."""
        try:
            addresses = list(self.resolve(host, port))
        except OSError as error:
            raise Refused(502, f"its name is not known: {error.strerror}") from None
        if not addresses:
            raise Refused(502, "its name has no address")
        for address in addresses:
            if not reachable(ipaddress.ip_address(address.partition("%")[0]), self._private):
                raise Refused(403, f"its address {address} is not public")
        return addresses

    def _tell(self, line: str) -> None:
        self.say(f"paddock: egress: {line}")

    def env(self) -> dict[str, str]:
        """Variables by which programs find the way out."""
        url = f"http://127.0.0.1:{PORT}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        out = {each: url for name in names for each in (name, name.upper())}
        for upstream in self.upstreams.values():
            out |= upstream.env()
        return {**out, "no_proxy": "localhost,127.0.0.1,::1", "NO_PROXY": "localhost,127.0.0.1,::1"}


def _head(inner: socket.socket) -> tuple[bytes, bytes]:
    """The head of a request, and what came behind it."""
    data, until = b"", time.monotonic() + HEAD_S
    while b"\r\n\r\n" not in data:
        if len(data) > MAX_HEAD:
            raise BadRequest(431, "the request is too large")
        inner.settimeout(max(0.01, until - time.monotonic()))
        try:
            more = inner.recv(4_096)
        except TimeoutError:
            raise BadRequest(400, "the request was not complete in time") from None
        if not more:
            raise BadRequest(400, "the request is incomplete")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _connect(addresses: Sequence[str], port: int) -> socket.socket:
    """A connection to the first of the checked addresses that answers; no name is looked up again."""
    told = ""
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        outer = socket.socket(family, socket.SOCK_STREAM)
        outer.settimeout(CONNECT_S)
        try:
            outer.connect((address, port))
            return outer
        except OSError as error:
            outer.close()
            told = str(error.strerror or error)
    raise Refused(502, f"it does not answer: {told}")


def _answer(status: int, text: str) -> bytes:
    body = f"paddock: {text}\n".encode()
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@cache
def entry_code() -> str:
    """The program that runs in a box before the job and hands out its way out."""
    return files("paddock.sandbox").joinpath("egress_entry.py").read_text()
