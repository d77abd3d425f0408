"""A support report: what an agent's host sends to those who run the control plane, signed with the agent's key."""

from typing import Annotated, Any

from msgspec import Meta, field

from paddock.wire.messages import Struct

# Lines of the log that go along, and bytes that a report may have in all.
LINES = 200
MOST_BYTES = 128 * 1024


class Report(Struct, frozen=True, kw_only=True):
    """`status` is the agent's status tree; `log` the last lines of its log, oldest first."""

    note: Annotated[str, Meta(max_length=4_000)] = ""
    status: dict[str, Any] = field(default_factory=dict)
    log: Annotated[tuple[Annotated[str, Meta(max_length=2_000)], ...], Meta(max_length=LINES)] = ()
