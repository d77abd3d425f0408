"""Keys that are shown, rotated and ended: by the signer, on a person's word."""

from typing import Any

from paddock.control.keys import public_view
from paddock.control.plane import Control
from paddock.core.errors import BadInput
from paddock.wire.signer import ROLES, Asked, End, Rotate, Shown

# Milliseconds for which a former key is taken unless a person says otherwise, and at most.
OVERLAP_MS, MOST_MS = 86_400_000, 400 * 86_400_000


async def show(control: Control) -> dict[str, Any]:
    """The keys, and how many of the agents that are there know the newest. Raises: SignerGone, BadKey."""
    keys = control.keys
    await keys.look()
    now, statements = control.clock.now(), len(keys.chain)
    online = [agent for agent in control.fleet if agent.online(now)]
    return {
        "keys": public_view(keys.keys),
        "ends": keys.shown.ends,
        "statements": statements,
        "online": len(online),
        "followed": sum(agent.followed >= statements for agent in online),
        "behind": sorted(agent.name for agent in online if agent.followed < statements)[:50],
    }


async def rotate(control: Control, given: Any) -> dict[str, Any]:
    """A fresh key for each role, announced by the former one, which is taken for a while yet.

    Raises: BadInput, SignerGone, BadKey.
    """
    by, roles, body = _read(given, {"overlap_ms"})
    overlap = body.get("overlap_ms", OVERLAP_MS)
    if not isinstance(overlap, int) or isinstance(overlap, bool) or not 0 <= overlap <= MOST_MS:
        raise BadInput(f"overlap_ms: expected 0 to {MOST_MS}", where="overlap_ms")
    await _change(control, Rotate(roles, overlap))
    await control.store.note("keys.rotated", None, None, _told(control, by, roles), control.clock.now())
    control.bus.news()
    return await show(control)


async def end(control: Control, given: Any) -> dict[str, Any]:
    """Former keys are not taken any more, from now on. Raises: BadInput, SignerGone, BadKey."""
    by, roles, _ = _read(given, set())
    await _change(control, End(roles))
    await control.store.note("keys.ended", None, None, _told(control, by, roles), control.clock.now())
    control.bus.news()
    return await show(control)


async def _change(control: Control, part: Asked) -> None:
    told = await control.keys.signing.once(part)
    control.keys.take(told)
    if isinstance(told, Shown) and control.checkpoint is not None:
        control.checkpoint = None  # signed by the former key; the next seal brings one by the new


def _told(control: Control, by: str, roles: tuple[str, ...]) -> dict[str, object]:
    signs = [key["keyid"] for key in public_view(control.keys.keys) if not key["ended"]]
    return {"by": by or "somebody", "roles": ", ".join(roles), "keys": signs}


def _read(given: Any, more: set[str]) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    if not isinstance(given, dict):
        raise BadInput("expected an object")
    unknown = set(given) - {"by", "roles"} - more
    if unknown:
        raise BadInput(f"unknown field {min(unknown)!r}")
    by, roles = given.get("by", ""), given.get("roles", list(ROLES))
    if not isinstance(by, str) or len(by) > 100 or any(ord(c) < 32 for c in by):
        raise BadInput("by: expected the name of the person who decides", where="by")
    if not isinstance(roles, list) or not roles or not all(role in ROLES for role in roles):
        raise BadInput(f"roles: expected some of {', '.join(ROLES)}", where="roles")
    return by, tuple(dict.fromkeys(roles)), given
