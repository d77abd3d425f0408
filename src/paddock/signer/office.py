"""What the signer does with one ask: looks at each part, and signs what it may."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from paddock.core.errors import PaddockError
from paddock.core.job import Scope
from paddock.core.maximum import Maximum, beyond
from paddock.core.policy_scope import Asked as Wish
from paddock.signer.bounds import Limit
from paddock.signer.folder import Folder, Held
from paddock.wire import audit, licence, standing
from paddock.wire.envelope import MAX_BODY, EnvelopeError, digest, pae, payload_type
from paddock.wire.keys import Signer
from paddock.wire.licence import ROLE
from paddock.wire.messages import Base, Decoder, Directive, Limits, Manifest, encode
from paddock.wire.signer import (
    DERIVED,
    PURPOSES,
    ROLES,
    Answer,
    Ask,
    Asked,
    Derive,
    Derived,
    End,
    Failed,
    Licence,
    Licensed,
    Orders,
    Rotate,
    Show,
    Shown,
    Signed,
    Statement,
    Told,
)

_log = logging.getLogger("paddock.signer")
# A control plane's clock may be off by so much; orders are not signed for times beyond.
LEEWAY_MS = 300_000
_MOST_VERDICTS = 4_096
_JOB = payload_type("job")


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A `JobOrder` as far as the signer looks at it."""

    v: int = 1
    job: str
    name: str
    kind: str
    project: str
    agent: str
    agent_key: str
    generation: int
    attempt: int
    epoch: int
    nonce: str
    nbf: int
    exp: int
    base: Base | None = None
    payload: msgspec.Raw
    scope: msgspec.Raw
    limits: Limits
    accept: tuple[str, ...] = ()
    secrets: str = ""


_bodies = msgspec.json.Decoder(_Body)
_scopes = msgspec.json.Decoder(Scope)
_payloads = msgspec.json.Decoder(dict[str, Any])
_STATEMENTS: dict[str, Callable[[bytes], object]] = {
    "directive": Decoder(Directive).decode,
    "standing": Decoder(standing.Order).decode,
    "checkpoint": Decoder(audit.Checkpoint).decode,
}


class SignerRefuses(PaddockError):
    """The signer does not sign this."""

    code = "signer_refuses"


class Office:
    """Used by one thread at a time."""

    def __init__(self, folder: Folder, limit: Limit) -> None:
        self._folder = folder
        self._limit = limit
        self._held: Held | None = None
        self._seen: tuple[int, ...] = ()
        # What jobs that ask for the same were told under this maximum: nothing, or why they are not signed.
        self._maximum: Maximum | None = None
        self._verdicts: dict[tuple[object, ...], str] = {}

    def answer(self, ask: Ask) -> Answer:
        """Every part answered; what went wrong with one is no matter of the others."""
        return Answer(parts=tuple(self._part(part) for part in ask.parts), ring=self._number())

    def _number(self) -> int:
        return len(self._held.ring.chain) if self._held is not None else 0

    def _part(self, part: Asked) -> Told:
        try:
            return self._do(part, self._keys(isinstance(part, Show) and part.make))
        except PaddockError as error:
            return Failed(error.code, error.message, error.hint)
        except OSError as error:
            return Failed("bad_key", f"the keys cannot be written: {error.strerror}")

    def _keys(self, make: bool = False) -> Held:
        """The keys as they are now: read anew when another signer has changed them, former ones ended when it is time.

        Raises: NoKeys, BadKey.
        """
        seen = self._folder.seen()
        if self._held is None or seen != self._seen:
            self._held, self._seen = self._folder.load(make=make), self._folder.seen()
        if self._held.ends:
            now = _now()
            due = [role for role, at in self._held.ends.items() if at <= now]
            if due:
                self._take(self._folder.end(due, now), "former keys have ended", due)
        return self._held

    def _take(self, held: Held, what: str, roles: Sequence[str]) -> None:
        self._held, self._seen = held, self._folder.seen()
        _log.warning("%s: %s", what, ", ".join(roles), extra={"action": "keys.changed"})

    def _do(self, part: Asked, held: Held) -> Told:
        if isinstance(part, Orders):
            return self._orders(part, held.signers["job"])
        if isinstance(part, Statement):
            return _statement(part, held)
        if isinstance(part, Licence):
            return Licensed(_licence(part, held.signers[ROLE]))
        if isinstance(part, Show):
            return Shown(held.ring, os.geteuid(), os.getpid(), *self._limit.shown, held.ends)
        if isinstance(part, Derive):
            if part.purpose not in DERIVED:
                raise SignerRefuses(f"nothing is derived for {part.purpose[:40]!r}")
            return Derived(held.derived[part.purpose])
        return self._change(part)

    def _change(self, part: Rotate | End) -> Told:
        if not part.roles or not set(part.roles) <= set(ROLES):
            raise SignerRefuses(f"roles are: {', '.join(ROLES)}")
        now, roles = _now(), tuple(dict.fromkeys(part.roles))
        if isinstance(part, Rotate):
            self._take(self._folder.rotate(roles, now, now + part.overlap_ms), "keys were rotated", roles)
        else:
            self._take(self._folder.end(roles, now), "former keys have ended", roles)
        return self._do(Show(), self._keys())

    def _orders(self, part: Orders, signer: Signer) -> Signed:
        """One signature: over the one order that may be signed, or over the manifest of several."""
        maximum = self._limit.current()
        if maximum is not self._maximum:
            self._maximum = maximum
            self._verdicts.clear()
        now = _now()
        refused: list[tuple[int, str]] = []
        good: list[bytes] = []
        for at, body in enumerate(part.bodies):
            why = self._why_not(body, part.agent, maximum, now)
            if why:
                refused.append((at, why))
                _log.warning("an order was not signed: %s", why, extra={"action": "order.refused"})
            else:
                good.append(body)
        if not good:
            return Signed(signer.keyid, b"", b"", tuple(refused))
        if len(good) == 1:
            return Signed(signer.keyid, signer.sign(pae(_JOB, good[0])), b"", tuple(refused))
        manifest = encode(Manifest(agent=part.agent, digests=tuple(digest(_JOB, body) for body in good)))
        sig = signer.sign(pae(payload_type("manifest"), manifest))
        return Signed(signer.keyid, sig, manifest, tuple(refused))

    def _why_not(self, body: bytes, agent: str, maximum: Maximum, now: int) -> str:
        if len(body) > MAX_BODY:
            return "it is too large"
        try:
            order = _bodies.decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            return f"it is no order: {error}"
        if order.agent != agent:
            return "it is for another agent than the rest"
        if order.nbf > now + LEEWAY_MS or order.exp > now + maximum.start_seconds * 1_000 + LEEWAY_MS:
            return f"start_seconds: it may start {(order.exp - now) // 1_000} s from now"
        scope, payload = bytes(order.scope), bytes(order.payload)
        like = (order.kind, order.project, order.base, scope, order.limits.wall_s, payload)
        found = self._verdicts.get(like)
        if found is None:
            if len(self._verdicts) >= _MOST_VERDICTS:
                self._verdicts.clear()
            found = self._verdicts[like] = _beyond(order, scope, payload, maximum)
        return found


def _beyond(order: _Body, scope: bytes, payload: bytes, maximum: Maximum) -> str:
    try:
        wish = Wish(
            kind=order.kind,
            repo=order.base.repo if order.base else "",
            scope=_scopes.decode(scope),
            payload=_payloads.decode(payload),
            wall_seconds=order.limits.wall_s,
        )
        return beyond(wish, order.project, maximum)
    except (msgspec.DecodeError, PaddockError, TypeError, RecursionError) as error:
        return f"it is no order: {error}"


def _statement(part: Statement, held: Held) -> Signed:
    """A signature for one purpose, by the key of its role, over a body that is what the purpose promises."""
    if part.purpose not in PURPOSES:
        raise SignerRefuses(f"{part.purpose[:40]!r} is nothing that is signed")
    try:
        _STATEMENTS[part.purpose](part.body)
    except EnvelopeError as error:
        raise SignerRefuses(f"it is no {part.purpose}: {error.message}") from None
    signer = held.signers[PURPOSES[part.purpose]]
    return Signed(signer.keyid, signer.sign(pae(payload_type(part.purpose), part.body)))


def _licence(part: Licence, signer: Signer) -> str:
    try:
        return licence.issue(part.claims, signer)
    except EnvelopeError as error:
        raise SignerRefuses(f"it is no licence: {error.message}") from None


def _now() -> int:
    return time.time_ns() // 1_000_000
