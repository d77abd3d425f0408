"""One request of a run with a secret added, and its answer with that secret covered.

The HTTP library is loaded with the first request: most agents never see one.
"""

import contextlib
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from paddock.core.redaction import Redactor
from paddock.sandbox.egress_request import BadRequest
from paddock.sandbox.egress_upstream import BLOCK, HOP, Asked, Body, Upstream

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

_NOT_BACK = HOP | {"proxy-authenticate", "content-length"}

Pay = Callable[[int], None]


class Exchange:
    """One request and its answer. `out` and `back` count bytes, `status` is the answer's, 0 before there is one."""

    def __init__(self, upstream: Upstream, asked: Asked, pay: Pay) -> None:
        self._upstream = upstream
        self._asked = asked
        self._pay = pay
        self._cover = Redactor((upstream.value, self._right()), tokens=False)
        self.out = self.back = self.status = 0

    def _right(self) -> str:
        return self._upstream.secret.form.replace("{}", self._upstream.value)

    def run(self, inner: socket.socket, first: bytes, outer: socket.socket) -> None:
        """Sends the request on, with the secret, and its answer back. Raises: OSError, BadRequest."""
        from http.client import HTTPConnection, HTTPException

        link = HTTPConnection(self._upstream.host, self._upstream.port)
        link.sock = outer
        try:
            self._run(link, inner, first)
        except HTTPException as error:
            raise OSError(f"its answer is none: {error!r}"[:200]) from None

    def _run(self, link: "HTTPConnection", inner: socket.socket, first: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read all
            self._send(link, inner, first)
        answer = link.getresponse()
        if answer.status < 200:
            raise BadRequest(502, "it answers in another protocol")
        self.status = answer.status
        self._return(answer, inner)

    def _send(self, link: "HTTPConnection", inner: socket.socket, first: bytes) -> None:
        asked, secret = self._asked, self._upstream.secret
        link.putrequest(asked.method, asked.path, skip_host=True, skip_accept_encoding=True)
        usual = self._upstream.port == (443 if secret.tls else 80)
        link.putheader("Host", self._upstream.host if usual else f"{self._upstream.host}:{self._upstream.port}")
        added = secret.header.lower()
        for name, value in asked.fields:
            if name != added:
                link.putheader(name, value.encode("latin-1"))
        link.putheader(secret.header, self._right())
        link.putheader("Accept-Encoding", "identity")
        link.putheader("Connection", "close")
        chunked = asked.size < 0
        if chunked:
            link.putheader("Transfer-Encoding", "chunked")
        elif asked.size or asked.method in ("POST", "PUT", "PATCH"):
            link.putheader("Content-Length", str(asked.size))
        link.endheaders()
        if asked.waits:
            inner.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = Body(inner, first)
        for part in body.chunks() if chunked else body.exactly(asked.size):
            self._pay(len(part))
            self.out += len(part)
            link.send(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        if chunked:
            link.send(b"0\r\n\r\n")

    def _return(self, answer: "HTTPResponse", inner: socket.socket) -> None:
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [f"{name}: {_flat(value)}" for name, value in answer.getheaders() if name.lower() not in _NOT_BACK]
        size = answer.length
        bare = self._asked.method == "HEAD" or answer.status in (204, 304)
        if not bare:
            lines.append("Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}")
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1", "replace")
        inner.sendall(self._cover.cover(head))
        chunked = size is None and not bare
        while data := answer.read1(BLOCK):
            self._pay(len(data))
            self.back += len(data)
            _put(inner, self._cover.feed(data), chunked)
        if size is not None and self.back < size and not bare:
            raise OSError("its answer ended early")
        _put(inner, self._cover.end(), chunked)
        if chunked:
            inner.sendall(b"0\r\n\r\n")


def _flat(value: str) -> str:
    """A field's value on one line, also when it came folded."""
    return " ".join(value.splitlines())


def _put(inner: socket.socket, data: bytes, chunked: bool) -> None:
    if data:
        inner.sendall(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
