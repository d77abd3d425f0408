"""The directive that says where an agent stands. Only one with a higher number replaces it."""

from typing import Annotated

from msgspec import Meta

from paddock.core.anomalies import Standing
from paddock.wire.envelope import Envelope, seal, unseal
from paddock.wire.keys import Signer, Verifier
from paddock.wire.messages import Count, Decoder, Id, Millis, Struct, encode


class Order(Struct, frozen=True, kw_only=True):
    """The body of a standing envelope: for one activation of one agent, and its key."""

    v: Annotated[int, Meta(ge=1, le=1)] = 1
    agent: Id
    agent_key: Annotated[str, Meta(max_length=64)]
    generation: Count
    number: Count
    standing: Standing
    reason: Annotated[str, Meta(max_length=400)] = ""
    at: Millis


_decoder = Decoder(Order)


def sign(order: Order, key: Signer) -> Envelope:
    """The order as the agent will keep it."""
    return seal(encode(order), "standing", key)


def read(envelope: Envelope, keys: dict[str, Verifier]) -> Order:
    """What an order says. Raises: Unsigned, BadSignature, Malformed."""
    return _decoder.decode(unseal(envelope, "standing", keys, "directive"))
