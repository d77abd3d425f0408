"""The checkpoint: what a control plane signs of its journal's chain, for whoever will remember it."""

from typing import Annotated

import msgspec
from msgspec import Meta

from paddock.core.chain import Seal, Witnessed
from paddock.wire.envelope import Envelope, seal, unseal
from paddock.wire.keys import Signer, Verifier
from paddock.wire.messages import ControlKey, Count, Decoder, Millis, Struct, encode


class Checkpoint(Struct, frozen=True, kw_only=True):
    """The body of a checkpoint envelope: seal `number` ends with row `last` and makes the chain's head this one."""

    v: Annotated[int, Meta(ge=1, le=1)] = 1
    number: Count
    last: Millis
    at: Millis
    head: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]

    @property
    def witnessed(self) -> Witnessed:
        """What it lets its reader know."""
        return Witnessed(self.number, self.head, self.at)


class Testimony(msgspec.Struct, frozen=True, kw_only=True):
    """A witness's file: the checkpoint that it keeps, the keys it trusts, and why it does not believe a later one."""

    checkpoint: Envelope
    keys: tuple[ControlKey, ...] = ()
    complaint: str = ""
    against: Envelope | None = None


_decoder = Decoder(Checkpoint)


def body(sealed: Seal) -> bytes:
    """The checkpoint of a seal, to be signed."""
    return encode(Checkpoint(number=sealed.number, last=sealed.last, at=sealed.at, head=sealed.head))


def sign(sealed: Seal, key: Signer) -> Envelope:
    """The signed checkpoint of a seal."""
    return seal(body(sealed), "checkpoint", key)


def read(envelope: Envelope, keys: dict[str, Verifier]) -> Checkpoint:
    """What a checkpoint says. Raises: Unsigned, BadSignature, Malformed."""
    return _decoder.decode(unseal(envelope, "checkpoint", keys, "directive"))
