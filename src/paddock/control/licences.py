"""Licences as the control plane keeps them: who has a seat, who waits for one, and the JWT that says so.

Without any licence nothing here does anything: agents are unlimited.
"""

import secrets
from typing import Any

import msgspec

from paddock.control.plane import LICENCES, Control
from paddock.control.presence import EVERY_KIND, Presence
from paddock.control.signing import SignerGone
from paddock.core import licences, schedule
from paddock.core.anomalies import Standing
from paddock.core.errors import BadInput, NotFound
from paddock.core.licences import DEFAULT, Licence
from paddock.core.tokens import Binding
from paddock.store.records import Agent
from paddock.wire.licence import Claims, Confirmation
from paddock.wire.messages import Beat, encode
from paddock.wire.signer import Licence as Ask
from paddock.wire.signer import Licensed

# A seat lasts so many beat intervals after it was drawn out last, and at least so many milliseconds.
_SEAT_BEATS, _SEAT_LEAST_MS = 3, 6_000
# What a licence without an end is good for at a time: it is renewed long before.
_VALID_S = 30 * 86_400


def of(control: Control, name: str) -> Licence | None:
    """The licence of this name, or for an empty one the default; None for none.

    Raises: NotFound for one that is gone.
    """
    found = control.licences.get(name or DEFAULT)
    if found is None and name:
        raise NotFound(f"there is no licence {name} any more")
    return found


async def admit(control: Control, agent: Presence, given: Beat, now: int) -> str:
    """Has an agent take its seat, or wait for one; returns the licence to hand it, when it is time for that.

    Raises: StoreUnavailable.
    """
    try:
        licence = of(control, agent.licence)
    except NotFound as error:
        _wait(control, agent, error.message)
        return ""
    if licence is None:
        _wait(control, agent, "")
        return await _unbound(control, agent, now)
    if licence.expires and now >= licence.expires:
        _wait(control, agent, f"licence {licence.name} has expired")
        return ""
    agent.most = licence.max_tasks
    await _seat(control, agent, licence, given, now)
    due = given.hello is not None or now >= agent.licence_due
    if not due and agent.features == licence.features:
        return ""
    record = await control.store.agent(agent.agent)
    if agent.features != licence.features:
        control.idle.drop(agent)
        agent.features = licence.features
        agent.describe(record)
    agent.licensed = True
    issued = await token(control, record, agent, licence, now)
    if issued:
        agent.licence_due = now + int(licences.renew_every_s(licence.grace_s) * 1_000)
    return issued


def bounded(agent: Presence, given: Beat) -> Beat:
    """A beat that asks for no more jobs than the licence lets its agent hold."""
    if not agent.most:
        return given
    return msgspec.structs.replace(given, want=max(0, min(given.want, agent.most - len(given.held))))


async def _unbound(control: Control, agent: Presence, now: int) -> str:
    """Takes back what a licence that is gone had bound; returns the word for the agent that it is unlimited."""
    agent.most = 0
    if not agent.licensed:
        return ""
    record = await control.store.agent(agent.agent)
    if agent.features != EVERY_KIND:
        control.idle.drop(agent)
        agent.features = EVERY_KIND
        agent.describe(record)
    issued = await token(control, record, agent, Licence(name=""), now)
    agent.licensed = not issued
    return issued


def _wait(control: Control, agent: Presence, why: str) -> None:
    if agent.unlicensed == why:
        return
    agent.unlicensed = why
    if why:
        control.idle.drop(agent)


async def _seat(control: Control, agent: Presence, licence: Licence, given: Beat, now: int) -> None:
    leaves = (given.draining or agent.draining) and not given.held
    if not licence.max_agents or agent.standing is not Standing.ACTIVE:
        _wait(control, agent, "")
        return
    if leaves:
        if agent.seat_until:
            agent.seat_until = 0
            await control.store.free_seat(agent.agent, now)
            _call_waiting(control, licence)
        return
    if now < agent.seat_until:
        return
    until = now + seat_ms(control)
    if await control.store.take_seat(agent.agent, licence, until, now):
        agent.seat_until = until
        _wait(control, agent, "")
        control.seats_at = min(control.seats_at or until, now + seat_ms(control) // 3)
        return
    words = f"{licence.max_agents} agent{'s' if licence.max_agents > 1 else ''}"
    _wait(control, agent, f"waits for a seat: licence {licence.name} is for {words}, and as many work under it")


def seat_ms(control: Control) -> int:
    """Milliseconds that a seat lasts unless its agent is seen."""
    return max(_SEAT_LEAST_MS, _SEAT_BEATS * schedule.beat_interval(len(control.fleet), control.beat_ms))


def _call_waiting(control: Control, licence: Licence) -> None:
    """Has those come who wait for a seat."""
    control.bus.wake([one.agent for one in _waiting(control, licence)])


def _waiting(control: Control, licence: Licence) -> list[Presence]:
    return [one for one in control.fleet if one.unlicensed and (one.licence or DEFAULT) == licence.name]


async def keep(control: Control, now: int, slept: int) -> None:
    """Draws out the seats of agents that are there, all in one write, and lets those go whose agents are not."""
    if not control.licences:
        control.seats_at = None
        return
    if slept > seat_ms(control) // 2:  # nobody could be seen meanwhile
        await control.store.draw_out_seats(now + seat_ms(control), now)
    if control.seats_at is None or now < control.seats_at:
        return
    until = now + seat_ms(control)
    here = [one for one in control.fleet if one.seat_until and one.online(now)]
    control.seats_at = now + seat_ms(control) // 3 if here else None
    if here:
        await control.store.keep_seats([one.agent for one in here], until, now)
    for one in here:
        one.seat_until = until


async def token(control: Control, record: Agent, agent: Presence, licence: Licence, now: int) -> str:
    """The licence as this agent keeps it: a JWT, worth nothing without its key; empty while nothing is signed."""
    ends = now // 1_000 + _VALID_S
    claims = Claims(
        iss="paddock",
        aud="paddock-agent",
        sub=agent.agent,
        jti=secrets.token_hex(8),
        iat=now // 1_000,
        exp=min(ends, licence.expires // 1_000) if licence.expires else ends,
        cnf=Confirmation(jkt=agent.verifier.keyid),
        gen=agent.generation,
        licence=licence.name,
        plan=licence.plan,
        max_agents=licence.max_agents,
        max_tasks=licence.max_tasks,
        features=licence.features,
        channel=record.channel,
        binding=record.binding,
        grace=licence.grace_s,
        host=record.fingerprint if record.binding is Binding.REQUIRED else {},
    )
    try:
        told = (await control.keys.ask(Ask(encode(claims)))).parts[0]
    except SignerGone:
        return ""
    return told.token if isinstance(told, Licensed) else ""


async def put(control: Control, name: str, given: Any) -> dict[str, Any]:
    """A person sets a licence. Raises: BadInput."""
    by, terms = _decision(given)
    licence = licences.parse(name, terms, control.clock.now())
    await control.store.set_licence(licence, by, control.clock.now())
    await control.read_licences()
    control.stir()
    control.bus.news(LICENCES)
    control.bus.news()
    return await view(control, licence)


async def drop(control: Control, name: str, given: Any) -> dict[str, Any]:
    """A person removes a licence. Raises: NotFound, Conflict, BadInput."""
    by, _ = _decision(given)
    await control.store.drop_licence(name, by, control.clock.now())
    await control.read_licences()
    control.stir()
    control.bus.news(LICENCES)
    control.bus.news()
    return {"name": name, "removed": True}


def _decision(given: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(given, dict):
        raise BadInput("expected an object")
    by = given.get("by", "")
    if not isinstance(by, str) or len(by) > 100 or any(ord(c) < 32 for c in by):
        raise BadInput("by: expected the name of the person who decides", where="by")
    return by, {name: value for name, value in given.items() if name != "by"}


async def listing(control: Control) -> list[dict[str, Any]]:
    """Every licence with who works under it."""
    return [await view(control, licence) for licence in await control.store.licences()]


async def view(control: Control, licence: Licence) -> dict[str, Any]:
    """A licence as JSON."""
    now = control.clock.now()
    names = {one.agent: one.name for one in control.fleet}
    seats = [seat for seat in await control.store.seats(now) if seat.licence == licence.name]
    waiting = [one.name for one in _waiting(control, licence) if one.online(now)]
    found: dict[str, Any] = msgspec.to_builtins(licence)
    return found | {
        "expired": bool(licence.expires) and now >= licence.expires,
        "seats": [names.get(seat.agent, seat.agent) for seat in seats],
        "waiting": sorted(waiting),
    }
