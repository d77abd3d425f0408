"""Activation tokens for those who hand them out."""

import hashlib
import secrets
from typing import Any

from paddock.control.plane import Control
from paddock.core import tokens
from paddock.core.errors import BadInput
from paddock.core.licences import DEFAULT, Licence, weaker
from paddock.store.tokens import Terms, Token

PREFIX = "act_"
_FIELDS = frozenset({"label", "expires", "labels", "channel", "network", "binding", "licence"})


def digest(token: str) -> str:
    """What the store knows a token by."""
    return hashlib.sha256(token.encode()).hexdigest()


async def mint(control: Control, given: Any) -> dict[str, Any]:
    """A fresh token, good once; it is told here and nowhere else, for only its digest is kept. Raises: BadInput."""
    if not isinstance(given, dict) or set(given) - _FIELDS:
        raise BadInput("the body may hold: " + ", ".join(sorted(_FIELDS)))
    label = given.get("label", "")
    if not isinstance(label, str) or any(ord(c) < 32 for c in label):
        raise BadInput("label: expected a text", where="label")
    licence = _licence(control, given)
    network = given.get("network") or ""
    if not isinstance(network, str):
        raise BadInput("network: expected a text", where="network")
    terms = Terms(
        labels=tokens.labels(given.get("labels") or {}),
        channel=tokens.channel(given.get("channel") or (licence.channel if licence else "stable")),
        network=tokens.network(network),
        binding=tokens.binding(given.get("binding") or (licence.binding if licence else "optional")),
        licence=given.get("licence") or "",
    )
    if licence is not None:
        _within(licence, terms)
    lifetime = tokens.lifetime(given.get("expires") or tokens.USUAL_MS // 1_000)
    token, now = PREFIX + secrets.token_urlsafe(32), control.clock.now()
    await control.store.add_token(digest(token), label[:100], now, now + lifetime, terms)
    return {"token": token, "id": digest(token)[: tokens.REF], "expires": now + lifetime}


def _licence(control: Control, given: dict[str, Any]) -> Licence | None:
    """The licence that the token's agent will be under. Raises: BadInput."""
    name = given.get("licence") or ""
    found = control.licences.get(name or DEFAULT) if isinstance(name, str) else None
    if found is None and name:
        hint = "`paddock licence list` lists them"
        raise BadInput(f"licence: there is none called {str(name)[:60]!r}", hint=hint, where="licence")
    return found


def _within(licence: Licence, terms: Terms) -> None:
    """Raises: BadInput when a token promises what its licence does not."""
    if terms.channel != licence.channel:
        raise BadInput(f"channel: licence {licence.name} is for {licence.channel}", where="channel")
    if weaker(terms.binding, licence.binding):
        raise BadInput(f"binding: licence {licence.name} asks for {licence.binding}", where="binding")


async def listing(control: Control, most: int = 500) -> list[dict[str, Any]]:
    """The newest tokens, without what they are made of."""
    now = control.clock.now()
    return [view(token, now) for token in await control.store.tokens(most)]


async def revoke(control: Control, ref: str, given: Any) -> dict[str, Any]:
    """Makes a token worthless. Raises: NotFound, Conflict, BadInput."""
    by = given.get("by", "") if isinstance(given, dict) else None
    if not isinstance(by, str):
        raise BadInput("by: expected a text", where="by")
    now = control.clock.now()
    return view(await control.store.revoke_token(ref, by[:100], now), now)


def view(token: Token, now: int) -> dict[str, Any]:
    """A token as JSON."""
    state = tokens.state_of(used=token.used_at, revoked=token.revoked, expires=token.expires, now=now)
    return {
        "id": token.hash[: tokens.REF],
        "label": token.label,
        "state": state,
        "labels": token.labels,
        "channel": token.channel,
        "network": token.network,
        "binding": token.binding,
        "licence": token.licence or None,
        "created": token.created,
        "expires": token.expires,
        "used": token.used_at,
        "revoked": token.revoked,
        "agent": token.agent,
    }
