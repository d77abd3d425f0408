"""How one key follows another: statements that whoever knew the former key can check, however late.

A role's keys are numbered. The key that follows is announced by the one before and by itself; that the former ones
end is said by the key that followed. Each statement is believed on the newest known key of its role and on no other,
and only when it is the next one: it says its place among all of them.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from paddock.wire.envelope import Envelope, EnvelopeError, seal, unseal
from paddock.wire.keys import Signer, Verifier
from paddock.wire.messages import ControlKey, Decoder, Millis, Name, Struct, encode


class Follows(Struct, frozen=True, kw_only=True):
    """The body of a `key` envelope: this key is good for the role too, from now on."""

    v: Annotated[int, Meta(ge=1, le=1)] = 1
    # Its place among all statements, from 1.
    place: Annotated[int, Meta(ge=1, le=2**31)]
    role: Name
    # The new key's number in its role, and the key, raw in base64.
    number: Annotated[int, Meta(ge=2, le=2**31)]
    key: Annotated[str, Meta(max_length=64)]
    at: Millis


class Ended(Struct, frozen=True, kw_only=True):
    """The body of a `key.ended` envelope: keys of the role with a lower number are not taken any more."""

    v: Annotated[int, Meta(ge=1, le=1)] = 1
    # Its place among all statements, from 1.
    place: Annotated[int, Meta(ge=1, le=2**31)]
    role: Name
    number: Annotated[int, Meta(ge=2, le=2**31)]
    at: Millis


_follows, _ended = Decoder(Follows), Decoder(Ended)
Keys = tuple[ControlKey, ...]


def public(signer: Signer, number: int = 1) -> ControlKey:
    """A key as it is told to others."""
    return ControlKey(keyid=signer.keyid, role=signer.role, key=base64.b64encode(signer.public).decode(), number=number)


def verifier(key: ControlKey) -> Verifier:
    """What checks a key's signatures. Raises: EnvelopeError when it is none."""
    try:
        return Verifier(base64.b64decode(key.key, validate=True), key.role)
    except (binascii.Error, ValueError, TypeError):
        raise EnvelopeError(f"{key.keyid} is no key") from None


def newest(keys: Keys, role: str) -> ControlKey:
    """The key of a role that signs now. Raises: EnvelopeError where there is none."""
    found = [key for key in keys if key.role == role]
    if not found:
        raise EnvelopeError(f"there is no key for {role[:40]!r}")
    return max(found, key=lambda key: key.number)


def announce(keys: Keys, fresh: Signer, former: Signer, place: int, now: int) -> tuple[Keys, Envelope]:
    """The keys with one more, and the statement of it, signed by the former key and the fresh one."""
    number = newest(keys, fresh.role).number + 1
    told = public(fresh, number)
    body = encode(Follows(place=place, role=fresh.role, number=number, key=told.key, at=now))
    both = seal(body, "key", former)
    both = msgspec.structs.replace(both, signatures=both.signatures + seal(body, "key", fresh).signatures)
    return (*keys, told), both


def end(keys: Keys, signer: Signer, place: int, now: int) -> tuple[Keys, Envelope]:
    """The keys with the former ones of this role ended, and the statement of it."""
    told = newest(keys, signer.role)
    body = encode(Ended(place=place, role=signer.role, number=told.number, at=now))
    return _without(keys, signer.role, told.number), seal(body, "key.ended", signer)


def _without(keys: Keys, role: str, number: int) -> Keys:
    return tuple(
        msgspec.structs.replace(key, ended=True) if key.role == role and key.number < number else key for key in keys
    )


def follow(keys: Keys, followed: int, statement: Envelope) -> tuple[Keys, int]:
    """The keys after this statement, and how many were followed then; nothing changes by one that was followed before.

    Raises: EnvelopeError when it does not hold or is not the next one.
    """
    step = _STEPS.get(statement.payload_type)
    if step is None:
        raise EnvelopeError(f"{statement.payload_type[:80]!r} is no statement on keys")
    place, found = step(keys, followed, statement)
    if place > followed + 1:
        raise EnvelopeError(f"it is statement {place}, and {followed} were followed")
    return (found, place) if place > followed else (keys, followed)


def _follow_key(keys: Keys, followed: int, statement: Envelope) -> tuple[int, Keys]:
    told = _follows.decode(_unchecked(statement))
    if told.place != followed + 1:
        return told.place, keys
    latest = newest(keys, told.role)
    if told.number != latest.number + 1:
        raise EnvelopeError(f"it announces key {told.number} after key {latest.number}")
    fresh = ControlKey(keyid="", role=told.role, key=told.key, number=told.number)
    check = verifier(fresh)
    # Each of the two by itself: a statement that only one of them has signed is nobody's.
    for key in (verifier(latest), check):
        unseal(statement, "key", {key.keyid: key}, told.role)
    return told.place, (*keys, msgspec.structs.replace(fresh, keyid=check.keyid))


def _follow_end(keys: Keys, followed: int, statement: Envelope) -> tuple[int, Keys]:
    told = _ended.decode(_unchecked(statement))
    if told.place != followed + 1:
        return told.place, keys
    latest = newest(keys, told.role)
    if told.number != latest.number:
        raise EnvelopeError(f"it ends keys for key {told.number}, and the newest is {latest.number}")
    key = verifier(latest)
    unseal(statement, "key.ended", {key.keyid: key}, told.role)
    return told.place, _without(keys, told.role, told.number)


def _unchecked(envelope: Envelope) -> bytes:
    """The body, only to know whose signature to look for."""
    try:
        return binascii.a2b_base64(envelope.payload, strict_mode=True)
    except (binascii.Error, ValueError):
        raise EnvelopeError("the envelope's base64 does not decode") from None


_STEPS: Mapping[str, Callable[[Keys, int, Envelope], tuple[int, Keys]]] = {
    "application/vnd.paddock.key.v1+json": _follow_key,
    "application/vnd.paddock.key.ended.v1+json": _follow_end,
}


def good(keys: Keys) -> dict[str, Verifier]:
    """The keys that are taken now, by their ids."""
    return {key.keyid: verifier(key) for key in keys if not key.ended}


def ever(keys: Keys) -> dict[str, Verifier]:
    """All keys that there were: what was signed in their time stays signed."""
    return {key.keyid: verifier(key) for key in keys}
