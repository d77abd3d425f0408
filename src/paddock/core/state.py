"""What jobs remember outside themselves: keys in three spaces, their bounds, and what may go wrong."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from paddock.core.errors import BadInput, Conflict

# Whose keys they are: one job's, those of all jobs of a project, or of all jobs that run on one agent.
SPACES = ("job", "project", "agent")
MAX_KEY = 256
# Bytes up to which a value stands beside its key; larger ones are stored once, by their SHA-256.
SMALL = 64 << 10
# Bytes of one part of a large value.
PART = 256 << 10
MAX_TTL_S = 10 * 366 * 86_400
MAX_LIST = 1_000
DEFAULT_TYPE = "application/octet-stream"
_TYPE = re.compile(r"[!-~]([ -~]{0,126}[!-~])?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ETAG = re.compile(r'"([!#-~]{1,64})"')


class Bounds(NamedTuple):
    """The most that a value may have in bytes, and that an owner may have in keys and bytes."""

    value: int = 16 << 20
    keys: int = 10_000
    owner: int = 256 << 20


class PreconditionFailed(Conflict):
    """The key is not what the request expects it to be."""

    code = "precondition_failed"
    status = 412
    hint = "read it again and decide anew"

    def __init__(self, message: str = "", *, etag: str = "") -> None:
        super().__init__(message)
        # The revision that stands there now; empty when there is none.
        self.etag = etag


class StateFull(Conflict):
    """The owner has as much state as it may have."""

    code = "state_full"
    hint = "delete what is no longer needed, or give it a time to live"


class ValueTooLarge(BadInput):
    """The value is too large."""

    code = "value_too_large"
    status = 413


class DigestMismatch(BadInput):
    """The bytes are not those of the digest."""

    code = "digest_mismatch"


class Overtaken(Conflict):
    """A later write of this attempt was made already: this one was sent more than once and comes late."""

    code = "overtaken"


class TooManyUploads(Conflict):
    """Too many large values are being written at a time."""

    code = "too_many_uploads"
    retryable = True


def check_space(space: str) -> None:
    """Raises: BadInput."""
    if space not in SPACES:
        raise BadInput(f"{space[:40]!r} is no space of state", hint=f"spaces are: {', '.join(SPACES)}", where="space")


def check_key(key: str) -> None:
    """Raises: BadInput."""
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        raise BadInput(f"key: expected 1 to {MAX_KEY} printable characters", where="key")


def check_digest(digest: str) -> None:
    """Raises: BadInput."""
    if not _DIGEST.fullmatch(digest):
        raise BadInput("expected a SHA-256 as 64 hexadecimal digits", where="sha256")


def parse_match(headers: Mapping[str, str]) -> tuple[str, bool]:
    """From `If-Match` and `If-None-Match` the revision a write expects (`*`: any) and whether it expects none.

    Raises: BadInput.
    """
    match, none = headers.get("if-match", ""), headers.get("if-none-match", "")
    if none and none != "*":
        raise BadInput("a write takes If-None-Match only as *", where="if-none-match")
    if match and none:
        raise BadInput("either If-Match or If-None-Match", where="if-match")
    return revision(match) if match else "", bool(none)


def revision(etag: str) -> str:
    """The revision in an entity tag; `*` stays. Raises: BadInput."""
    found = _ETAG.fullmatch(etag)
    if etag != "*" and not found:
        raise BadInput('expected one strong entity tag such as "r1", or *', where="if-match")
    return found[1] if found else "*"


def parse_ttl(text: str) -> int:
    """Milliseconds a key is to live, from seconds; 0 for ever. Raises: BadInput."""
    if not text:
        return 0
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.001 <= seconds <= MAX_TTL_S:
        raise BadInput(f"ttl: expected seconds from 0.001 to {MAX_TTL_S:,}", where="ttl")
    return round(seconds * 1_000)


def parse_type(text: str) -> str:
    """A content type. Raises: BadInput."""
    if text and not _TYPE.fullmatch(text):
        raise BadInput("content-type: expected at most 128 characters of ASCII", where="content-type")
    return text or DEFAULT_TYPE
