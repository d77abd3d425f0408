"""Signed bytes: DSSE over the raw body, Ed25519, one payload type for each purpose and one key role for each type.

The body is signed as it is sent; nothing is made canonical. Source: DSSE v1 (secure-systems-lab/dsse).
"""

import binascii
import hashlib
import json
from collections.abc import Collection, Mapping
from functools import lru_cache

import msgspec

from paddock.core.errors import PaddockError
from paddock.wire.keys import Signer, Verifier

TYPE_PREFIX = "application/vnd.paddock."
MAX_BODY = 256 * 1024
MAX_ENVELOPE = 512 * 1024
# A body nested deeper than this is refused before anything decodes it.
MAX_DEPTH = 32


class EnvelopeError(PaddockError):
    """The envelope does not hold."""

    code = "bad_envelope"
    status = 400
    exit_code = 4


class Unsigned(EnvelopeError):
    """The envelope carries no signature by a known key of the right role."""

    code = "unsigned"


class BadSignature(EnvelopeError):
    """The signature does not fit the bytes."""

    code = "bad_signature"


class Malformed(EnvelopeError):
    """The body is not what its type promises."""

    code = "malformed"


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signature: 64 bytes in base64."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A DSSE envelope; `payload` is the body in base64."""

    payload_type: str
    payload: str
    signatures: tuple[Signature, ...]


def pae(payload_type: str, body: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is really signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def seal(body: bytes, purpose: str, signer: Signer) -> Envelope:
    """The body in an envelope of type `application/vnd.paddock.<purpose>.v1+json`."""
    kind = payload_type(purpose)
    return Envelope(kind, _base64(body), (Signature(signer.keyid, _base64(signer.sign(pae(kind, body)))),))


def _base64(body: bytes) -> str:
    return binascii.b2a_base64(body, newline=False).decode()


@lru_cache(64)
def payload_type(purpose: str) -> str:
    """The payload type of a purpose."""
    return f"{TYPE_PREFIX}{purpose}.v1+json"


def wrap(body: bytes, purpose: str) -> Envelope:
    """The body in an envelope without a signature of its own: a manifest that is signed vouches for it."""
    return Envelope(payload_type(purpose), _base64(body), ())


def digest(payload_type: str, body: bytes) -> str:
    """What a manifest lists of an envelope: SHA-256 over DSSE's pre-authentication encoding, in hex."""
    return hashlib.sha256(pae(payload_type, body)).hexdigest()


def unseal(
    envelope: Envelope, purpose: str, keys: Mapping[str, Verifier], role: str, listed: Collection[str] = ()
) -> bytes:
    """The body, once a key of this role is known to have signed it, or a manifest that lists it, for this purpose.

    Raises: Unsigned, BadSignature, Malformed.
    """
    if envelope.payload_type != payload_type(purpose):
        raise Malformed(f"expected a {purpose}, got {envelope.payload_type[:80]!r}")
    if len(envelope.payload) > MAX_ENVELOPE:
        raise Malformed("the body is too large")
    try:
        body = binascii.a2b_base64(envelope.payload, strict_mode=True)
        signatures = [(s.keyid, binascii.a2b_base64(s.sig, strict_mode=True)) for s in envelope.signatures]
    except (binascii.Error, ValueError):
        raise Malformed("the envelope's base64 does not decode") from None
    if listed and not signatures:
        if digest(envelope.payload_type, body) not in listed:
            raise BadSignature("the manifest of this answer does not list it")
        return body
    known = [(keys[keyid], sig) for keyid, sig in signatures if keyid in keys and keys[keyid].role == role]
    if not known:
        raise Unsigned()
    message = pae(envelope.payload_type, body)
    if not all(key.holds(message, sig) for key, sig in known):
        raise BadSignature()
    return body


def check_bounds(body: bytes) -> None:
    """Refuses what is too large or nests too deep, before anything decodes it.

    Raises: Malformed.
    """
    if len(body) > MAX_BODY:
        raise Malformed(f"the body has {len(body):,} bytes, more than {MAX_BODY:,}")
    if not _nests_little(body):
        _check_depth(body)


def check_names(body: bytes) -> None:
    """Refuses what decoders disagree on: one name twice in one object.

    Raises: Malformed.
    """
    try:
        _strict(body.decode())
    except (ValueError, RecursionError):
        raise Malformed("the body is no JSON") from None


_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


def _nests_little(body: bytes) -> bool:
    """Whether brackets alone, those in texts counted as well, show that the nesting is within bounds."""
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return True
    left = body.translate(None, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not left:
            return True
        left = left.replace(b"{}", b"").replace(b"[]", b"")
    return not left


def _check_depth(body: bytes) -> None:
    depth = 0
    in_text = escaped = False
    for char in body:
        if in_text:
            in_text = escaped or char != ord('"')
            escaped = char == ord("\\") and not escaped
        elif char == ord('"'):
            in_text = True
        elif char in b"{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise Malformed(f"the body nests deeper than {MAX_DEPTH}")
        elif char in b"}]":
            depth -= 1


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise Malformed("one name stands twice in one object")
    return out


# Made once: json.loads makes a decoder anew at every call that has a hook.
_strict = json.JSONDecoder(object_pairs_hook=_without_duplicates).decode
