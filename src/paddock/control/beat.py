"""The beat: the one request an agent makes."""

import asyncio

import msgspec

from paddock import __version__
from paddock.control import anomalies, fingerprints, licences, offer, rolling, words
from paddock.control.dispatch import consume, lanes_for
from paddock.control.plane import Control
from paddock.control.presence import Presence
from paddock.core import schedule
from paddock.core.errors import Conflict, StaleSession, Unauthorised
from paddock.core.versions import newer
from paddock.store.base import Fate
from paddock.store.records import Agent, BeatIn, BeatOut, SessionStart
from paddock.wire.messages import Ack, Beat, Check, Decoder, Directive, Reply, Stop, encode
from paddock.wire.signing import verify

_decoder = Decoder(Beat)
_BEARER_EVERY_MS = 300_000


class HelloWanted(Conflict):
    """The control plane does not know this session yet."""

    code = "hello_wanted"
    retryable = True


class OldBeat(Conflict):
    """A beat of this session with a higher number was answered already."""

    code = "old_beat"


async def beat(control: Control, agent_id: str, signature: str, body: bytes, chance: float) -> bytes:
    """Answers one beat. A repetition of the last one gets the same answer; nothing in it is done twice.

    Raises: Unauthorised, Malformed, StaleSession, HelloWanted, OldBeat.
    """
    agent = control.fleet.get(agent_id)
    if agent is None and control.replica is not None:
        agent = await control.replica.recognise(agent_id)
    if agent is None:
        raise Unauthorised("unknown agent", hint="activate it with a fresh token")
    verify(body, signature, "beat", agent.verifier)
    given = _decoder.decode(body)
    if given.agent != agent_id:
        raise Unauthorised("the beat is another agent's")
    while agent.inflight is not None:
        await asyncio.wait([agent.inflight])
    agent.inflight = asyncio.get_running_loop().create_future()
    try:
        if control.replica is not None:
            await control.replica.verify(agent, given.session, given.seq)
        if given.session == agent.session:
            if given.seq == agent.seq and agent.reply:
                return agent.reply
            if given.seq <= agent.seq:
                raise OldBeat()
        reply = await _answer(control, agent, given, chance)
        if given.session == agent.session:
            agent.reply, agent.seq = reply, given.seq
        return reply
    finally:
        agent.inflight.set_result(None)
        agent.inflight = None


async def _answer(control: Control, agent: Presence, given: Beat, chance: float) -> bytes:
    now = control.clock.now()
    told: list[Fate] = []
    state: str | None = ""
    if given.hello is not None:
        state = await rolling.boot(control, agent, given)
    elif given.nonce and given.session == agent.session:
        state = await rolling.roll(control, agent, given)
    if state is None:  # one of two with the same state; which is the right one, a person decides
        told_off = await words.signed(control, agent, standing=anomalies.order(control, agent))
        return encode(
            Reply(now=now, next_ms=control.beat_ms, standing=told_off.standing, keys=words.owed(control, given))
        )
    if given.hello is not None or given.session != agent.session:
        told = await _greet(control, agent, given, now)
        given = msgspec.structs.replace(given, outcomes=())
    agent.last_seen, agent.followed = now, given.keys
    if given.health is not None and given.hello is None:
        await _feel(control, agent, given.session, given.health, now)
    if given.findings:
        await anomalies.told(control, agent, given.findings)
    licence = ""
    if control.licences or agent.licence or agent.licensed or agent.unlicensed:
        licence = await licences.admit(control, agent, given, now)
        given = licences.bounded(agent, given)
    out = await _business(control, agent, given, now)
    ready = not (given.draining or agent.draining or agent.ailing or agent.unlicensed)
    control.idle.put(agent, given.want - (len(out.granted) if out else 0) if ready else 0)
    interval = agent.interval = _interval(control, agent, given)
    control.registry.note(agent)
    if control.replica is not None:
        control.replica.tell(agent)
    bearer, checkpoint, update = "", None, ""
    if now - agent.bearer_at >= _BEARER_EVERY_MS:
        bearer = control.bearers.issue(agent.agent, agent.session)
        agent.bearer_at = now
        checkpoint = control.checkpoint
        update = __version__ if newer(__version__, agent.version) else ""
    if control.replica is not None and out:
        await control.replica.know(job.project for job in out.granted)
    said = await _say(control, agent, given, out, told)
    reply = Reply(
        now=now,
        next_ms=schedule.spread(interval, chance) if given.hello else schedule.jittered(interval, chance),
        bearer=bearer,
        jobs=said.jobs,
        manifest=said.manifest,
        directive=said.directive,
        checkpoint=checkpoint,
        state=state,
        standing=said.standing,
        licence=licence,
        waits=agent.unlicensed,
        update=update,
        keys=words.owed(control, given),
    )
    return encode(reply)


async def _say(control: Control, agent: Presence, given: Beat, out: BeatOut | None, told: list[Fate]) -> words.Words:
    """What the answer has to say that must be signed."""
    standing, agent.standing_due = anomalies.order(control, agent) if agent.standing_due else None, False
    granted, directive = out.granted if out else (), _directive(agent, given, out, told)
    ahead = offer.signing(control, agent, granted) if granted and not directive and standing is None else None
    said = await (asyncio.shield(ahead) if ahead else words.signed(control, agent, granted, directive, standing))
    if standing is not None and said.standing is None:
        agent.standing_due = True
    if said.refused:
        await words.refuse(control, agent, given, said.refused)
    return said


def _interval(control: Control, agent: Presence, given: Beat) -> int:
    """Milliseconds until the agent's next beat; one that rests is woken when that changes."""
    interval = schedule.beat_interval(len(control.fleet), control.beat_ms)
    rests = (
        agent.listening
        and control.bus.connected
        and not (given.held or agent.leases or given.draining or agent.unlicensed)
    )
    if not rests:
        return interval
    rest = schedule.resting(interval)
    # A licence is renewed at a beat, long before its grace is over.
    return max(interval, min(rest, agent.licence_due - control.clock.now())) if agent.licence_due else rest


def stopped_listening(control: Control, agent: Presence) -> None:
    """An agent's last wake channel has closed. If it rested, it counts as gone as soon as one that did not."""
    interval = schedule.beat_interval(len(control.fleet), control.beat_ms)
    if agent.interval <= interval:
        return
    agent.interval = interval
    agent.last_seen += 1  # newer than what the other replicas were told
    control.registry.hurry(agent)
    if control.replica is not None:
        control.replica.tell(agent)


async def _greet(control: Control, agent: Presence, given: Beat, now: int) -> list[Fate]:
    if given.hello is None:
        raise StaleSession() if agent.session else HelloWanted()
    hello = given.hello
    if agent.granted:  # what its token says of it wins over what it says itself
        hello = msgspec.structs.replace(hello, labels={**hello.labels, **agent.granted})
    start = SessionStart(agent=agent.agent, session=given.session, hello=hello, now=now, outcomes=given.outcomes)
    lost, told = await control.store.start_session(start)
    record: Agent = await control.store.agent(agent.agent)
    control.idle.drop(agent)
    fresh = agent.session != given.session
    agent.update(record)
    await fingerprints.look(control, record, given.hello.fingerprint)
    agent.standing_due = agent.standing_number > given.hello.standing
    agent.licensed = given.hello.licensed
    if fresh:
        agent.seq, agent.reply, agent.bearer_at = -1, b"", 0
        control.note_leases(agent.agent, 0)
        control.tell_of(agent.agent)
    if lost or fresh or told:
        control.stir()
    return told


async def _feel(control: Control, agent: Presence, session: str, checks: tuple[Check, ...], now: int) -> None:
    """Takes note of how an agent's checks stand, before anything else is decided about it."""
    before = agent.ailing
    agent.feels(checks)
    told = "agent.unhealthy" if agent.ailing and not before else "agent.healthy" if before and not agent.ailing else ""
    await control.store.set_health(agent.agent, session, checks, told, now)
    control.tell_of(agent.agent)
    if told:
        control.bus.news()


async def _business(control: Control, agent: Presence, given: Beat, now: int) -> BeatOut | None:
    """What the beat asks of the store; None when it asks nothing, so that an idle beat costs no statement."""
    lanes = lanes_for(control, agent, bool(given.outcomes)) if given.want and not given.draining else ()
    hinted = sum(control.lanes[lane][0] for lane in lanes)
    agent.running = len(given.held)
    if given.draining:
        agent.draining = True
    if not (given.outcomes or given.held or lanes or agent.leases):
        return None
    offered = await offer.taken(control, given)
    if offered is not None:
        return BeatOut(acks=(), stops=(), granted=offered, leases=len(offered), readied=False)
    out = await control.store.beat(
        BeatIn(
            agent=agent.agent,
            session=given.session,
            seq=given.seq,
            now=now,
            ttl=control.lease_ms,
            outcomes=given.outcomes,
            held=given.held,
            want=given.want if lanes else 0,
            lanes=lanes,
        )
    )
    control.note_leases(agent.agent, out.leases)
    agent.running = out.leases
    if given.outcomes and any(code for _, _, code in out.acks):
        await anomalies.unheld(control, agent, out.acks)
    if out.granted or given.outcomes:
        control.bus.news()
    consume(control, [job.lane for job in out.granted])
    if out.readied:
        control.stir()
    elif len(out.granted) < min(given.want, hinted):
        control.recheck()
    return out


def _directive(agent: Presence, given: Beat, out: BeatOut | None, told: list[Fate]) -> bytes:
    """The body of a directive, to be signed; empty where there is nothing to say."""
    acks = (*told, *(out.acks if out else ()))
    stops = out.stops if out else ()
    drain = agent.draining and not given.draining
    if not (acks or stops or drain):
        return b""
    body = Directive(
        agent=agent.agent,
        session=given.session,
        seq=given.seq,
        acks=tuple(Ack(job=job, epoch=epoch, code=code) for job, epoch, code in acks),
        stops=tuple(Stop(job=job, epoch=epoch, why=why) for job, epoch, why in stops),
        drain=drain,
    )
    return encode(body)
