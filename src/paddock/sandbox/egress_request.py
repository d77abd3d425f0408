"""What a job may ask of the proxy, read so strictly that nobody can read it in another way: CONNECT, and no more."""

import re
from dataclasses import dataclass

from paddock.core.scope_hosts import host_name

MAX_HEAD = 16 << 10
_LINE = re.compile(rb"([A-Z]{1,16}) ([!-~]{1,400}) HTTP/1\.[01]\Z")
_AUTHORITY = re.compile(rb"([A-Za-z0-9._-]{1,254}):([0-9]{1,5})\Z")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):[ \t]*([\t -~\x80-\xff]*?)[ \t]*\Z")
_BODIES = frozenset({b"content-length", b"transfer-encoding", b"upgrade", b"te", b"trailer"})


class BadRequest(Exception):
    """`status` is the answer's; the text says what is wrong."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Target:
    """Where a job wants to go; the name is in small letters, without a final dot."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse(head: bytes) -> Target:
    """The target of a request's head, without the empty line that ends it.

    Raises: BadRequest 400 for what is malformed, 403 for what names no host, 405 for anything but CONNECT.
    """
    line, *fields = head.split(b"\r\n")
    found = _LINE.match(line)
    if not found:
        raise BadRequest(400, "the request line is malformed")
    method, authority = found.groups()
    if method != b"CONNECT":
        raise BadRequest(405, f"{method.decode()} is not served: use CONNECT, that is https")
    read = _AUTHORITY.match(authority)
    if not read:
        raise BadRequest(400, "the target is no host and port")
    _check_fields(fields, authority)
    port = int(read[2])
    if port > 65_535 or (len(read[2]) > 1 and read[2].startswith(b"0")):
        raise BadRequest(400, "the port is none")
    host = host_name(read[1].decode())
    if not host or not port:
        raise BadRequest(403, "an address, or what could be read as one, is no host")
    return Target(host, port)


def _check_fields(fields: list[bytes], authority: bytes) -> None:
    hosts = 0
    for field in fields:
        found = FIELD.match(field)
        if not found:
            raise BadRequest(400, "a header field is malformed")
        name, value = found[1].lower(), found[2]
        if name in _BODIES:
            raise BadRequest(400, "the request announces a body")
        if name == b"host":
            hosts += 1
            if value.lower() not in (authority.lower(), authority.rpartition(b":")[0].lower()):
                raise BadRequest(400, "the Host field names another target")
    if hosts > 1:
        raise BadRequest(400, "there are two Host fields")
