"""What a control plane and its signer say to each other: frames of msgpack over a local socket.

A frame is its length in four bytes, the highest first, and the body. One ask, one answer, in the order of the asks.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from paddock.wire.envelope import Envelope
from paddock.wire.messages import ControlKey

# Room for as many of the largest orders as one beat may be granted.
MAX_FRAME = 96 << 20
HEAD = 4

ROLES = ("job", "directive")
# What may be signed → the role of the key that signs it. Jobs and their manifests are asked for by `Orders` alone.
PURPOSES = {"directive": "directive", "standing": "directive", "checkpoint": "directive"}
# Secrets of the control plane's own that no signature is made with.
DERIVED = ("bearer", "rolling", "resting")


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One thing that is asked or answered."""


class Orders(Part, frozen=True, array_like=True, tag="orders"):
    """Jobs for one agent: the bodies of their orders."""

    agent: str
    bodies: tuple[bytes, ...]


class Statement(Part, frozen=True, array_like=True, tag="statement"):
    """One body for one of the PURPOSES."""

    purpose: str
    body: bytes


class Licence(Part, frozen=True, array_like=True, tag="licence"):
    """The claims of an agent's licence."""

    claims: bytes


class Show(Part, frozen=True, array_like=True, tag="show"):
    """What the signer is and which keys there are; `make` has it make them where there are none."""

    make: bool = False


class Derive(Part, frozen=True, array_like=True, tag="derive"):
    """One of the DERIVED secrets."""

    purpose: str


class Rotate(Part, frozen=True, array_like=True, tag="rotate"):
    """A fresh key for each role; the former one is taken for so many milliseconds more."""

    roles: tuple[str, ...]
    overlap_ms: Annotated[int, Meta(ge=0, le=400 * 86_400_000)]


class End(Part, frozen=True, array_like=True, tag="end"):
    """Former keys of these roles are not taken any more."""

    roles: tuple[str, ...]


class Signed(Part, frozen=True, array_like=True, tag="signed"):
    """64 bytes of signature by this key.

    Over orders it is that of the one order that was not refused, or of the manifest of several. `refused` says of
    orders, by their place, why they were not signed.
    """

    keyid: str
    sig: bytes
    manifest: bytes = b""
    refused: tuple[tuple[int, str], ...] = ()


class Ring(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`ring.json`: every public key there was, and the statements by which one followed the other."""

    keys: tuple[ControlKey, ...]
    # Statements in the order in which they were made; see `rotation`.
    chain: tuple[Envelope, ...] = ()


class Licensed(Part, frozen=True, array_like=True, tag="licensed"):
    """The licence, a JWT."""

    token: str


class Shown(Part, frozen=True, array_like=True, tag="shown"):
    """The ring; the uid that the signer runs as, its process, and what bounds it signs within."""

    ring: Ring
    uid: int
    pid: int
    maximum: str
    # Why no job is signed at present; nothing when jobs are.
    trouble: str = ""
    # When each role's former key ends to be taken, in epoch milliseconds; none for roles that have but one.
    ends: dict[str, int] = {}


class Derived(Part, frozen=True, array_like=True, tag="derived"):
    """The secret."""

    secret: bytes


class Failed(Part, frozen=True, array_like=True, tag="failed"):
    """Why a part could not be answered."""

    code: str
    message: str
    hint: str = ""


Asked = Orders | Statement | Licence | Show | Derive | Rotate | End
Told = Signed | Licensed | Shown | Derived | Failed


class Ask(msgspec.Struct, frozen=True, array_like=True):
    """Several parts, answered together."""

    parts: Annotated[tuple[Asked, ...], Meta(max_length=64)]


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """A part for each that was asked; `ring` is how many statements the chain has."""

    ring: int
    parts: tuple[Told, ...]


_encoder = msgspec.msgpack.Encoder()
asks = msgspec.msgpack.Decoder(Ask)
answers = msgspec.msgpack.Decoder(Answer)


def frame(message: Ask | Answer) -> bytes:
    """A message as it is sent."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEAD, "big") + body
