"""Anomalies as the control plane raises them, and what a person decides about them."""

import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec

from paddock.control.plane import Control
from paddock.control.presence import Presence
from paddock.core import anomalies
from paddock.core.anomalies import FROM_AGENTS, TYPES, Act, Standing
from paddock.core.errors import BadInput, Conflict, PaddockError
from paddock.store.anomalies import Anomaly
from paddock.store.base import Fate
from paddock.store.records import Agent
from paddock.wire import standing
from paddock.wire.messages import Finding, encode
from paddock.wire.signer import Statement


async def notice(control: Control, type_: str, agent: str, **facts: object) -> None:
    """Raises an anomaly about an agent, now or with the next one. Raises: StoreUnavailable, NotFound."""
    known = control.fleet.get(agent)
    stops = TYPES[type_].act is Act.QUARANTINE and known is not None and known.standing is Standing.ACTIVE
    times = control.quiet.due(type_, agent) or int(stops)
    if not times:
        return
    found = await control.store.raise_anomaly(type_, agent, facts, times, control.clock.now())
    control.bus.news()
    _moved(control, found.moved)


def _moved(control: Control, agent: Agent | None) -> None:
    """Takes over where an agent stands now, and has it come and hear of it."""
    if agent is None:
        return
    known = control.fleet.get(agent.id)
    if known is not None:
        control.idle.drop(known)
        control.offers.pop(agent.id, None)
        known.describe(agent)
        control.registry.note(known)
    if agent.standing is not Standing.ACTIVE:
        control.note_leases(agent.id, 0)
    control.tell_of(agent.id)
    control.stir()
    control.bus.wake([agent.id])


def order(control: Control, agent: Presence) -> Statement:
    """The word on where an agent stands, to be signed."""
    body = standing.Order(
        agent=agent.agent,
        agent_key=agent.verifier.keyid,
        generation=agent.generation,
        number=agent.standing_number,
        standing=agent.standing,
        reason=agent.standing_reason[:400],
        at=control.clock.now(),
    )
    return Statement("standing", encode(body))


async def told(control: Control, agent: Presence, findings: Sequence[Finding]) -> None:
    """What an agent has found about itself; what it may not tell is left out."""
    for finding in findings:
        if finding.type in FROM_AGENTS:
            await notice(control, finding.type, agent.agent, **finding.facts)


async def unheld(control: Control, agent: Presence, fates: Sequence[Fate]) -> None:
    """Looks whether outcomes that were refused are of attempts that the agent did have once: those are only late."""
    for job, epoch, code in fates:
        if code and not await _had(control, agent.agent, job, epoch):
            await notice(control, "outcome_without_lease", agent.agent, job=job, epoch=epoch)


async def _had(control: Control, agent: str, job: str, epoch: int) -> bool:
    return any(one.epoch == epoch and one.agent == agent for one in await control.store.attempts(job))


async def forged(control: Control, agent: str, what: str, address: str) -> None:
    """Notes a request in an agent's name that its key has not signed; never keeps the answer from its sender."""
    if control.fleet.get(agent) is None:
        return
    try:
        await notice(control, "bad_signature", agent, request=what, address=address)
    except PaddockError:  # the store cannot write now; the sender is refused all the same
        return


async def reused(control: Control, token_hash: str, public_key: str, address: str) -> None:
    """Notes that somebody else tried the token that made an agent, if that is what happened."""
    agent, key = await control.store.owner_of(token_hash)
    if agent is not None and key != public_key:
        await notice(control, "token_reused", agent, address=address)


async def activated(control: Control, agent: Agent, token_hash: str, sent: int) -> None:
    """Notes an activation that was signed at a moment at which it cannot have been."""
    if not sent:  # a release that does not say
        return
    why = anomalies.impossible(sent, await control.store.minted(token_hash), control.clock.now())
    if why:
        off = control.clock.now() - sent
        await notice(control, "impossible_activation", agent.id, why=why, behind_ms=off)


async def moved(control: Control, agent: Presence, address: str) -> None:
    """Takes note of a new address of an agent; never keeps the answer from its sender."""
    agent.address = address
    agent.addresses = agent.addresses or anomalies.Addresses()
    many = agent.addresses.many(address, control.clock.now())
    if many:
        with contextlib.suppress(PaddockError):
            await notice(control, "address_churn", agent.agent, addresses=", ".join(many))


async def listing(control: Control, *, every: bool, most: int = 500) -> list[dict[str, Any]]:
    """Anomalies, the latest first."""
    return [view(control, one) for one in await control.store.anomalies(every=every, most=most)]


def view(control: Control, anomaly: Anomaly) -> dict[str, Any]:
    """An anomaly as JSON, with what its type means and where the agent stands."""
    known = control.fleet.get(anomaly.agent)
    found: dict[str, Any] = msgspec.to_builtins(anomaly)
    type_ = TYPES.get(anomaly.type)
    about = {"about": type_.about if type_ else "", "act": type_.act if type_ else anomalies.Act.NOTE}
    agent = {"name": known.name if known else "", "standing": known.standing if known else None}
    return found | about | agent | {"state": "open" if anomaly.resolved is None else "resolved"}


async def resolve(control: Control, anomaly: str, given: Any) -> dict[str, Any]:
    """A person has looked at an anomaly. Raises: NotFound, Conflict, BadInput."""
    by, note = _decision(given)
    found = await control.store.resolve_anomaly(anomaly, by, note, control.clock.now())
    control.quiet.forget(found.anomaly.type, found.anomaly.agent)
    control.bus.news()
    _moved(control, found.moved)
    return view(control, found.anomaly)


async def quarantine(control: Control, ref: str, given: Any) -> dict[str, Any]:
    """A person puts an agent in quarantine, which is an anomaly to be resolved like any other."""
    by, note = _decision(given)
    agent = await control.store.agent(ref)
    if agent.standing is Standing.TERMINAL:
        raise Conflict(f"agent {agent.name} is terminal")
    found = await control.store.raise_anomaly("operator", agent.id, {"by": by, "note": note}, 1, control.clock.now())
    control.bus.news()
    _moved(control, found.moved)
    return view(control, found.anomaly)


async def terminate(control: Control, ref: str, given: Any) -> dict[str, Any]:
    """A person stops an agent for good. Raises: NotFound, Conflict when it is stopped already, BadInput."""
    by, note = _decision(given)
    agent = await control.store.agent(ref)
    moved = await control.store.set_standing(agent.id, Standing.TERMINAL, note, by, control.clock.now())
    if moved is None:
        raise Conflict(f"agent {agent.name} is terminal already")
    control.bus.news()
    _moved(control, moved)
    return {"id": moved.id, "name": moved.name, "standing": moved.standing, "reason": moved.standing_reason}


def _decision(given: Any) -> tuple[str, str]:
    by, note = (given.get("by"), given.get("note", "")) if isinstance(given, dict) else (None, None)
    if not isinstance(by, str) or not by.strip() or len(by) > 100 or any(ord(c) < 32 for c in by):
        raise BadInput("by: expected the name of the person who decides", where="by")
    if not isinstance(note, str) or len(note) > 400:
        raise BadInput("note: expected a text of at most 400 characters", where="note")
    return by.strip(), note
