"""What a beat's answer says that must be signed, asked of the signer in one go."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from paddock.control.dispatch import orders
from paddock.control.keys import envelope
from paddock.control.plane import Control
from paddock.control.presence import Presence
from paddock.control.signing import SignerGone
from paddock.store.records import BeatIn, Granted
from paddock.wire.envelope import Envelope, wrap
from paddock.wire.keys import BadKey
from paddock.wire.messages import Beat, Grant, Outcome
from paddock.wire.signer import Asked, Failed, Orders, Signed, Statement, Told

_log = logging.getLogger("paddock.control")
# Why the signer's refusal ends a job; see the table of refusals.
REFUSED = "above_maximum"


class Words(NamedTuple):
    """Signed words. `refused` are jobs that the signer does not sign, each with the reason."""

    jobs: tuple[Grant, ...] = ()
    manifest: Envelope | None = None
    directive: Envelope | None = None
    standing: Envelope | None = None
    refused: tuple[tuple[Granted, str], ...] = ()


NONE = Words()


async def signed(
    control: Control,
    agent: Presence,
    granted: Sequence[Granted] = (),
    directive: bytes = b"",
    standing: Statement | None = None,
) -> Words:
    """All that there is to say, signed; nothing of it while nothing is signed, for all of it is said again then."""
    bodies = orders(control, agent, granted) if granted else ()
    parts: list[Asked] = [Orders(agent.agent, bodies)] if bodies else []
    parts += [Statement("directive", directive)] if directive else []
    parts += [standing] if standing is not None else []
    if not parts:
        return NONE
    try:
        told = list((await control.keys.ask(*parts)).parts)
    except SignerGone:
        return NONE
    words = _grants(control, granted, bodies, told.pop(0)) if bodies else NONE
    if directive:
        words = words._replace(directive=_statement(directive, "directive", told.pop(0)))
    if standing is not None:
        words = words._replace(standing=_statement(standing.body, "standing", told.pop(0)))
    return words


def _statement(body: bytes, purpose: str, told: Told) -> Envelope | None:
    try:
        return envelope(body, purpose, told)
    except BadKey as error:
        _log.error("a %s was not signed: %s", purpose, error.message, extra={"action": "statement.unsigned"})
        return None


def _grants(control: Control, granted: Sequence[Granted], bodies: Sequence[bytes], told: Told) -> Words:
    if isinstance(told, Failed):  # trouble of the signer's own: jobs wait until it has none
        control.keys.signing.lose(told.message)
    if not isinstance(told, Signed):
        return NONE
    refused = dict(told.refused)
    good = [at for at in range(len(bodies)) if at not in refused]
    if told.manifest:
        sealed = [wrap(bodies[at], "job") for at in good]
        manifest = envelope(told.manifest, "manifest", told)
    else:
        sealed, manifest = [envelope(bodies[at], "job", told) for at in good], None
    return Words(
        jobs=tuple(
            Grant(job=granted[at].id, epoch=granted[at].epoch, order=order)
            for at, order in zip(good, sealed, strict=True)
        ),
        manifest=manifest,
        refused=tuple((granted[at], why) for at, why in refused.items()),
    )


async def refuse(control: Control, agent: Presence, given: Beat, refused: Sequence[tuple[Granted, str]]) -> None:
    """Ends the attempts that the signer has not signed, as if the agent had refused their orders."""
    now = control.clock.now()
    ends = tuple(
        Outcome(
            job=job.id,
            epoch=job.epoch,
            session=given.session,
            status="refused",
            code=REFUSED,
            detail=f"the signer does not sign it: {why}"[:4_000],
            ended=now,
        )
        for job, why in refused
    )
    _log.warning("the signer has refused %d jobs", len(ends), extra={"action": "jobs.unsigned"})
    out = await control.store.beat(
        BeatIn(
            agent=agent.agent,
            session=given.session,
            seq=given.seq,
            now=now,
            ttl=control.lease_ms,
            outcomes=ends,
            held=given.held,
        )
    )
    control.note_leases(agent.agent, out.leases)
    control.bus.news()
    if out.readied:
        control.stir()


def owed(control: Control, given: Beat) -> tuple[Envelope, ...]:
    """The statements on keys that the agent has not followed yet."""
    chain = control.keys.chain
    return chain[given.keys :] if given.keys < len(chain) else ()
