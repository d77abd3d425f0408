"""What an agent asks for in the name of a job's attempt: one line of JSON, then the raw bytes; signed as one body."""

from typing import Annotated

import msgspec
from msgspec import Meta

from paddock.core.state import MAX_KEY, MAX_LIST
from paddock.wire.messages import Count, Id, Millis, Struct, Text

Key = Annotated[str, Meta(max_length=MAX_KEY)]
Tag = Annotated[str, Meta(max_length=64)]


class StateCall(Struct, frozen=True, kw_only=True):
    """One call for one attempt. `part` sends a large value's next bytes, `read` reads one's, `drop` forgets an upload.

    `match` is the revision that is expected (`*`: any), `absent` that there is none; `ttl` is milliseconds, 0 for ever.
    `seq` numbers the attempt's writes as they are made; 0 stands for none.
    """

    job: Id
    epoch: Annotated[int, Meta(ge=1, le=2**31)]
    session: Id
    op: Annotated[str, Meta(pattern="^(get|put|delete|list|part|read|drop)$")]
    space: Annotated[str, Meta(pattern="^(job|project|agent)$")] = "job"
    key: Key = ""
    match: Tag = ""
    absent: bool = False
    ttl: Millis = 0
    type: Annotated[str, Meta(max_length=128)] = ""
    write_id: Tag = ""
    seq: Count = 0
    upload: Tag = ""
    offset: Millis = 0
    digest: Tag = ""
    prefix: Key = ""
    after: Key = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_LIST)] = 100


class KeyInfo(Struct, frozen=True, kw_only=True):
    """A key without its value. `size` is bytes; `digest` is set where the value is large."""

    key: Key
    revision: Tag
    type: Annotated[str, Meta(max_length=128)]
    size: Millis
    digest: Tag | None = None
    expires: Millis | None = None
    updated: Millis


class StateAnswer(Struct, frozen=True, kw_only=True):
    """What came of a call: an HTTP status, for errors with code, message and hint, and the revision that stands."""

    status: Count = 200
    code: Tag = ""
    message: Text = ""
    hint: Text = ""
    retryable: bool = False
    etag: Tag = ""
    found: KeyInfo | None = None
    keys: tuple[KeyInfo, ...] = ()


def join(head: StateCall | StateAnswer, data: bytes) -> bytes:
    """A body."""
    return msgspec.json.encode(head) + b"\n" + data
