"""What a connection says first, held against the host it was let through for.

A client that asks for one host and then greets another would reach, behind a shared address, what no rule allowed. Of
TLS the name in the greeting is read, of plain HTTP the Host field of the first request; other protocols name no host.
"""

import re

from paddock.core.scope_hosts import host_name

# A greeting is smaller; what is larger is none that we can judge.
MAX_HELLO = 64 << 10
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME = 22, 1, 0
_REQUEST = re.compile(rb"[A-Z]{3,16} [^\r\n]{1,8192} HTTP/1\.[01]\r?\n")
_BEGINS = re.compile(rb"[A-Z]{1,16}(?: [^\r\n]{0,8192}\r?)?\Z")
_HTTP2 = b"PRI * HTTP/2"
_HOST = re.compile(rb"(?im)^host[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$")


class OtherHost(Exception):
    """The greeting is for another host, or cannot be read; the text says which."""


class Hello:
    """Reads the first bytes of one connection to `host`."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._held = b""

    def feed(self, data: bytes) -> bytes | None:
        """All that came so far once it may go on; None while more is needed.

        Raises: OtherHost.
        """
        self._held += data
        known, name = _name(self._held)
        if not known:
            if len(self._held) > MAX_HELLO:
                raise OtherHost("it greets at too great a length")
            return None
        if name is not None and host_name(name) != self._host:
            raise OtherHost(f"it greets {name[:100] or 'nobody'!r} instead")
        held, self._held = self._held, b""
        return held


def _name(data: bytes) -> tuple[bool, str | None]:
    """Whether enough has come to know, and the name that is greeted; None for a protocol that greets none."""
    if data[0] == _HANDSHAKE:
        return _tls(data)
    if data.startswith(_HTTP2):  # without TLS: its hosts stand in compressed tables
        return True, ""
    if _BEGINS.match(data[:8210]):
        return False, None
    if _REQUEST.match(data):
        head, end, _ = data.replace(b"\r\n", b"\n").partition(b"\n\n")
        return (True, _plain(head)) if end else (False, None)
    return True, None


def _plain(head: bytes) -> str:
    names = {found.decode("latin-1").partition(":")[0] for found in _HOST.findall(head)}
    return names.pop() if len(names) == 1 else ""


def _tls(data: bytes) -> tuple[bool, str | None]:
    """The name of a client's greeting, which may come in several records; "" for one that names nobody."""
    message, at = b"", 0
    while len(data) >= at + 5 and data[at] == _HANDSHAKE:
        size = int.from_bytes(data[at + 3 : at + 5])
        message += data[at + 5 : at + 5 + size]
        at += 5 + size
    if len(message) >= 1 and message[0] != _CLIENT_HELLO:
        return True, ""
    if len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4]):
        return False, None
    try:
        return True, _server_name(_Reader(message[4 : 4 + int.from_bytes(message[1:4])]))
    except (IndexError, UnicodeDecodeError):
        return True, ""


class _Reader:
    """Takes lengths and what they measure from the front of some bytes; IndexError when these are too short."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, count: int) -> bytes:
        """So many bytes."""
        if count > len(self._data):
            raise IndexError
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def vector(self, width: int) -> bytes:
        """The bytes that a length of `width` bytes announces."""
        return self.take(int.from_bytes(self.take(width)))

    def __bool__(self) -> bool:
        return bool(self._data)


def _server_name(hello: _Reader) -> str:
    hello.take(2 + 32)  # version, random
    for width in (1, 2, 1):  # session, ciphers, compressions
        hello.vector(width)
    extensions = _Reader(hello.vector(2))
    names: list[str] = []
    while extensions:
        kind, body = int.from_bytes(extensions.take(2)), extensions.vector(2)
        if kind == _SERVER_NAME:
            listed = _Reader(_Reader(body).vector(2))
            while listed:
                listed.take(1)
                names.append(listed.vector(2).decode("ascii"))
    return names[0] if len(names) == 1 else ""
