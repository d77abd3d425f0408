"""Requests to which the proxy adds a secret: the run speaks plain HTTP with the proxy, the proxy TLS with the host.

The run's address is `http://127.0.0.1:3128/up/NAME/…`. One request a connection: after it nothing more of the run is
read, so nobody can read it in two ways. What would carry another's right is taken out of it, and where the answer
repeats the secret, that is covered.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

from paddock.core.secrets import NOT_ADDED, Secret
from paddock.sandbox.egress_request import FIELD, BadRequest

PORT = 3128
PREFIX = "/up/"
PLACEHOLDER = "the-proxy-adds-it"
BLOCK = 64 << 10
MAX_CHUNK_LINE = 256
_LINE = re.compile(rb"([A-Z]{3,16}) ([!-~]{1,8000}) HTTP/1\.1\Z")
_PATH = re.compile(r"/up/([A-Za-z0-9][A-Za-z0-9._-]{0,63})(/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*)?(\?[!-~]*)?\Z")
_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})(?:;[ -~]*)?\Z")
# Fields by which a run could act in somebody else's name at the same host.
_RIGHTS_WORDS = "authorization proxy-authorization cookie x-api-key api-key x-goog-api-key x-auth-token private-token"
# Fields that end with one connection.
HOP = NOT_ADDED - {"host", "content-length"} | {"keep-alive", "proxy-connection"}
_OWN = NOT_ADDED | HOP | {"accept-encoding", *_RIGHTS_WORDS.split()}


def address(name: str) -> str:
    """Where a run reaches the host of a secret."""
    return f"http://127.0.0.1:{PORT}{PREFIX}{name}"


@dataclass(frozen=True)
class Upstream:
    """One host's secret, as the policy says it is added; the value is never shown."""

    name: str
    secret: Secret
    value: str = field(repr=False)

    @property
    def host(self) -> str:
        """Its host's name."""
        return self.secret.host.rpartition(":")[0]

    @property
    def port(self) -> int:
        """Its host's port."""
        return int(self.secret.host.rpartition(":")[2])

    def env(self) -> dict[str, str]:
        """Variables that lead programs through the proxy instead of to the host itself."""
        out = {}
        if self.secret.variable:
            out[self.secret.variable] = address(self.name) + self.secret.base
        if self.secret.placeholder:
            out[self.secret.placeholder] = PLACEHOLDER
        return out

    def wrap(self, link: socket.socket) -> socket.socket:
        """The connection as requests travel on it. Raises: BadRequest 502."""
        if not self.secret.tls:
            return link
        context = ssl.create_default_context(cafile=self.secret.ca or None)
        try:
            return context.wrap_socket(link, server_hostname=self.host)
        except ssl.SSLError as error:
            raise BadRequest(502, f"its certificate does not hold: {error.reason}") from None


@dataclass(frozen=True)
class Asked:
    """One request: `path` is what the host gets, `size` the bytes of its body, -1 for one in chunks."""

    name: str
    method: str
    path: str
    fields: tuple[tuple[str, str], ...]
    size: int
    waits: bool


def for_upstream(head: bytes) -> bool:
    """Whether a head asks for an upstream, well or badly."""
    target = head.partition(b" ")[2].removeprefix(b"http://127.0.0.1:3128")
    return target.startswith(PREFIX.encode())


def read_head(head: bytes) -> Asked:
    """A request's head, without the empty line that ends it. Raises: BadRequest."""
    line, *lines = head.split(b"\r\n")
    found = _LINE.match(line)
    if not found:
        raise BadRequest(400, "the request line is malformed")
    path = _PATH.match(found[2].decode().removeprefix("http://127.0.0.1:3128"))
    if not path or found[1] == b"CONNECT":
        raise BadRequest(400, "the path is malformed")
    fields = []
    for each in lines:
        read = FIELD.match(each)
        if not read:
            raise BadRequest(400, "a header field is malformed")
        fields.append((read[1].decode("latin-1").lower(), read[2].decode("latin-1")))
    kept = tuple((name, value) for name, value in fields if name not in _OWN)
    expects = [value.lower() for name, value in fields if name == "expect"]
    if expects not in ([], ["100-continue"]):
        raise BadRequest(400, "the request expects what is not served")
    return Asked(path[1], found[1].decode(), (path[2] or "/") + (path[3] or ""), kept, _size(fields), bool(expects))


def _size(fields: list[tuple[str, str]]) -> int:
    """Raises: BadRequest for a body whose end could be read in two ways."""
    lengths = [value for name, value in fields if name == "content-length"]
    codings = [value.lower() for name, value in fields if name == "transfer-encoding"]
    if any(name == "upgrade" for name, _ in fields):
        raise BadRequest(400, "the request announces another protocol")
    if len(lengths) + len(codings) > 1 or codings not in ([], ["chunked"]):
        raise BadRequest(400, "the request says twice how long it is")
    if codings:
        return -1
    if lengths and not (lengths[0].isascii() and lengths[0].isdigit() and len(lengths[0]) < 13):
        raise BadRequest(400, "the request's length is none")
    return int(lengths[0]) if lengths else 0


class Body:
    """Reads a request's body from a connection on which some bytes of it came already."""

    def __init__(self, link: socket.socket, first: bytes) -> None:
        self._link = link
        self._data = first

    def _more(self) -> None:
        data = self._link.recv(BLOCK)
        if not data:
            raise BadRequest(400, "the request is incomplete")
        self._data += data

    def exactly(self, count: int) -> Iterator[bytes]:
        """So many bytes, in parts."""
        while count:
            if not self._data:
                self._more()
            part, self._data = self._data[:count], self._data[count:]
            count -= len(part)
            yield part

    def _line(self) -> bytes:
        while b"\r\n" not in self._data:
            if len(self._data) > MAX_CHUNK_LINE:
                raise BadRequest(400, "a chunk is malformed")
            self._more()
        line, _, self._data = self._data.partition(b"\r\n")
        return line

    def chunks(self) -> Iterator[bytes]:
        """What stands in the chunks, in parts."""
        while True:
            found = _SIZE.match(self._line())
            if not found:
                raise BadRequest(400, "a chunk is malformed")
            size = int(found[1], 16)
            yield from self.exactly(size)
            if self._line():  # behind a chunk nothing may stand, and behind the last one no trailer
                raise BadRequest(400, "a chunk is malformed")
            if not size:
                return
