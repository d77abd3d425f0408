"""A beat as the agent sends it, and the answer that ends its session."""

import msgspec

from paddock.core.errors import Stale
from paddock.wire.messages import Check, Finding, Held, Hello


class Sent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A `Beat` whose outcomes are passed on as they lie in the outbox."""

    agent: str
    session: str
    seq: int
    sent: int
    hello: Hello | None = None
    held: tuple[Held, ...] = ()
    outcomes: tuple[msgspec.Raw, ...] = ()
    want: int = 0
    draining: bool = False
    health: tuple[Check, ...] | None = None
    state: str = ""
    nonce: str = ""
    findings: tuple[Finding, ...] = ()
    keys: int = 0


class Replaced(Stale):
    """Another process runs as this agent: this one was replaced and stops."""

    code = "stale_session"
    hint = "a second process runs with a copy of this agent's state directory"
