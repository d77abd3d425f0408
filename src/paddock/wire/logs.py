"""A chunk of a run's output: one line of JSON that says what it is, then the raw bytes; signed as one body."""

from typing import Annotated

from msgspec import Meta

from paddock.wire.envelope import Malformed
from paddock.wire.messages import Id, Millis, Struct, encode


class LogChunk(Struct, frozen=True, kw_only=True):
    """The head of a chunk. `seq` counts the chunks of a stream, `offset` its bytes."""

    job: Id
    epoch: Annotated[int, Meta(ge=1, le=2**31)]
    session: Id
    stream: Annotated[str, Meta(pattern="^(log|diff)$")] = "log"
    seq: Millis
    offset: Millis


def join(head: LogChunk, data: bytes) -> bytes:
    """The body of a request."""
    return encode(head) + b"\n" + data


def split(body: bytes) -> tuple[bytes, bytes]:
    """The head's bytes and the data. Raises: Malformed."""
    head, newline, data = body.partition(b"\n")
    if not newline:
        raise Malformed("a chunk has no head")
    return head, data
