"""What an agent asks of topics in the name of an attempt: one line of JSON, then the events; signed as one body."""

from typing import Annotated

import msgspec
from msgspec import Meta

from paddock.wire.messages import Count, Id, Millis, Struct, Text
from paddock.wire.state import Tag

# Events that one answer holds at most, seconds for which a question may wait, and bytes of events in one call.
PAGE = 500
WAIT_S = 25
MAX_CALL = 900 << 10


class TopicCall(Struct, frozen=True, kw_only=True):
    """One call for one attempt. `read` gives what stands behind `after`, and may wait so many seconds for it.

    Negative, `after` is the topic's end. `paddock/jobs` is what becomes of the jobs of the attempt's project.
    """

    job: Id
    epoch: Annotated[int, Meta(ge=1, le=2**31)]
    session: Id
    op: Annotated[str, Meta(pattern="^(publish|read|list)$")]
    space: Annotated[str, Meta(pattern="^(job|project|agent|paddock)$")] = "project"
    topic: Annotated[str, Meta(max_length=128)] = ""
    after: Annotated[int, Meta(ge=-1, le=2**53)] = 0
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = 100
    wait: Annotated[int, Meta(ge=0, le=WAIT_S)] = 0


class TopicAnswer(Struct, frozen=True, kw_only=True):
    """What came of a call: an HTTP status, for errors with code, message and hint; events follow as a JSON list.

    `positions` are those of what was published, `after` is where to read on.
    """

    status: Count = 200
    code: Tag = ""
    message: Text = ""
    hint: Text = ""
    retryable: bool = False
    topic: Text = ""
    positions: tuple[Millis, ...] = ()
    after: Millis = 0


def join(head: TopicCall | TopicAnswer, data: bytes) -> bytes:
    """A body."""
    return msgspec.json.encode(head) + b"\n" + data
