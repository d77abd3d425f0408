"""Webhooks: nothing in one is believed before its signature is, and even then it only says where to look."""

import hashlib
import hmac
from typing import Any

import msgspec

from paddock.forges.base import Heard
from paddock.forges.errors import BadWebhook

# No forge's secret is shorter; an empty one would let everybody in.
SHORTEST = 16


def check_hmac(given: str, body: bytes, secret: str) -> None:
    """Raises: BadWebhook unless `given` is the body's HMAC-SHA256 in hexadecimal."""
    told = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if len(secret) < SHORTEST or not hmac.compare_digest(told.encode(), given.lower().encode(errors="replace")):
        raise BadWebhook()


def check_same(given: str, secret: str) -> None:
    """Raises: BadWebhook unless `given` is the secret itself."""
    if len(secret) < SHORTEST or not hmac.compare_digest(given.encode(errors="replace"), secret.encode()):
        raise BadWebhook()


def body_of(body: bytes) -> dict[str, Any]:
    """A signed body as JSON; an empty mapping for anything else."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def number_in(told: dict[str, Any], *ways: tuple[str, ...]) -> Heard:
    """The first number that stands at the end of one of these ways."""
    for way in ways:
        found: Any = told
        for name in way:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 2**53:
            return Heard(number=str(found))
    return Heard(number="")
