"""A few jobs that come while an agent is known to be idle are granted to it in the transaction that stores them.

The agent is woken while they are on their way to the disk and its beat finds the lease, so that one commit stands
between a job and its order where there were two; the order is signed meanwhile. An agent that does not come gets
nothing: the reaper takes the lease back. Only a control plane that is alone on its store does so, for another replica
may have heard the beat that this one waits for.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from paddock.control.dispatch import fits
from paddock.control.plane import Control
from paddock.control.presence import Presence
from paddock.control.words import Words, signed
from paddock.store.records import BeatIn, Granted
from paddock.wire.messages import Beat

# Milliseconds that an agent has to come for what it was offered.
PATIENCE_MS = 1_500


@dataclass
class Offer:
    """What the next beat of an agent will find; `until` is epoch milliseconds."""

    agent: Presence
    ahead: BeatIn
    until: int
    # Leases that the agent had before, as far as is known here.
    others: int
    # The leases, once they are on disk; the store decides what they are.
    granted: asyncio.Future[tuple[Granted, ...]]
    # Leases whose orders are being signed before they are on disk, and those orders.
    ready: tuple[tuple[Granted, ...], asyncio.Task[Words]] | None = None


def find(control: Control, lanes: Mapping[str, int]) -> Offer | None:
    """An idle agent for these few jobs, taken off the list of idle ones; None when nobody can take all of them."""
    if control.replica is not None or len(lanes) != 1 or control.keys.signing.trouble:
        return None
    ((lane, count),) = lanes.items()
    now = control.clock.now()
    for profile, agents in control.idle.groups():
        if not fits(profile, lane):
            continue
        for agent in agents.values():
            if agent.free >= count and _will_come(agent, now):
                control.idle.drop(agent)
                return _offer(control, agent, lane, count, now)
    return None


def _will_come(agent: Presence, now: int) -> bool:
    return bool(agent.listening and agent.inflight is None and agent.online(now) and not agent.draining)


def _offer(control: Control, agent: Presence, lane: str, count: int, now: int) -> Offer:
    ahead = BeatIn(
        agent=agent.agent,
        session=agent.session,
        seq=agent.seq + 1,
        now=now,
        ttl=control.lease_ms,
        want=count,
        lanes=(lane,),
    )
    found = control.offers[agent.agent] = Offer(
        agent, ahead, now + PATIENCE_MS, agent.leases, asyncio.get_running_loop().create_future()
    )
    control.note_leases(agent.agent, agent.leases + count)  # its beat must look into the store
    return found


async def taken(control: Control, given: Beat) -> tuple[Granted, ...] | None:
    """What was offered to this beat, when that is all there is to answer; None when the store must be asked."""
    found = control.offers.get(given.agent)
    if found is None or (found.ahead.session, found.ahead.seq) != (given.session, given.seq):
        return None
    if given.outcomes or given.held or given.draining or given.hello is not None or found.others:
        return None
    return await found.granted or None


def call(control: Control, found: Offer, granted: tuple[Granted, ...]) -> None:
    """Calls the agent, as only the commit is still to come, and has its orders signed meanwhile."""
    control.bus.wake([found.ahead.agent])
    found.ready = granted, asyncio.ensure_future(signed(control, found.agent, granted))


def signing(control: Control, agent: Presence, granted: tuple[Granted, ...]) -> asyncio.Task[Words] | None:
    """The orders of just these leases, where they were signed ahead."""
    found = control.offers.get(agent.agent)
    return found.ready[1] if found is not None and found.ready is not None and found.ready[0] is granted else None


async def recall(control: Control, now: int) -> None:
    """Takes back what was offered to agents that have not come for it."""
    for name, offer in list(control.offers.items()):
        agent, ahead = offer.agent, offer.ahead
        if agent.session != ahead.session or agent.seq >= ahead.seq:
            del control.offers[name]
        elif agent.inflight is None and offer.until <= now:
            del control.offers[name]
            if await control.store.recall(msgspec.structs.replace(ahead, now=now)):
                control.stir()
