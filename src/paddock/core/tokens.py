"""Activation tokens: what one is good for, and how one stands."""

import ipaddress
import re
from enum import StrEnum
from typing import Any

from paddock.core.errors import BadInput

HOUR_MS = 3_600_000
USUAL_MS = 24 * HOUR_MS
LONGEST_MS = 7 * 24 * HOUR_MS
SHORTEST_MS = 60_000
# A second try with the same key within this time gets the same answer: the first one may be lost.
AGAIN_MS = 300_000
# Characters of a token's digest by which people name it.
REF = 12
CHANNELS = ("stable", "beta", "dev", "lts")
_LABEL = re.compile(r"[a-z0-9][a-z0-9._/-]{0,62}")


class TokenState(StrEnum):
    """How a token stands; only a ready one makes an agent."""

    READY = "ready"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Binding(StrEnum):
    """What it means when an agent shows up on another host: quarantine, an anomaly that waits, or nothing."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


def binding(given: Any) -> Binding:
    """How strictly an agent is bound to its host. Raises: BadInput."""
    if given not in list(Binding):
        raise BadInput("binding: there is none of this name", hint=f"one of {', '.join(Binding)}", where="binding")
    return Binding(given)


def state_of(*, used: int | None, revoked: int | None, expires: int, now: int) -> TokenState:
    """How a token stands; times are epoch milliseconds."""
    if used is not None:
        return TokenState.USED
    if revoked is not None:
        return TokenState.REVOKED
    return TokenState.READY if now < expires else TokenState.EXPIRED


def network(text: str) -> str:
    """A range of addresses in its usual form; empty for everywhere. Raises: BadInput."""
    if not text:
        return ""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise BadInput(f"{text[:60]!r} is no range of addresses", hint="such as 10.1.0.0/16", where="network") from None


def within(address: str, allowed: str) -> bool:
    """Whether an address lies in the range; an address that nobody knows lies in none."""
    if not allowed:
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found) in ipaddress.ip_network(allowed)


def labels(given: Any) -> dict[str, str]:
    """Labels for an agent. Raises: BadInput."""
    if not isinstance(given, dict) or len(given) > 32:
        raise BadInput("labels: expected at most 32 texts by name", where="labels")
    for key, value in given.items():
        if not _LABEL.fullmatch(key) or not isinstance(value, str) or len(value) > 128:
            raise BadInput(f"labels: {key[:60]!r} is no label", hint="such as zone=eu-1", where="labels")
    return given


def channel(given: Any) -> str:
    """A channel. Raises: BadInput."""
    if given not in CHANNELS:
        raise BadInput("channel: there is none of this name", hint=f"one of {', '.join(CHANNELS)}", where="channel")
    return str(given)


def lifetime(given: Any) -> int:
    """Milliseconds that a token is good for, from seconds or a text such as 24h. Raises: BadInput."""
    units = {"m": 60_000, "h": HOUR_MS, "d": 24 * HOUR_MS}
    if isinstance(given, str) and given[:-1].isascii() and given[:-1].isdigit() and given[-1:] in units:
        found = int(given[:-1]) * units[given[-1]]
    elif isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < 1e9:
        found = round(given * 1_000)
    else:
        found = -1
    if not SHORTEST_MS <= found <= LONGEST_MS:
        raise BadInput("expires: expected a minute to seven days", hint="such as 24h", where="expires")
    return found
