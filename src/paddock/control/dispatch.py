"""Who takes what: lanes matched to agents, agents woken, jobs addressed."""

import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from paddock.control.plane import CARE_S, Control
from paddock.control.presence import Presence, Profile
from paddock.core import kinds, matching
from paddock.store.records import Granted
from paddock.wire.messages import Base, Limits, encode

# The latest moment a granted job may start; how long it may run is its own limit.
START_WITHIN_MS = 900_000
_NONCE_BYTES = 16
# Lanes are read at most a tenth of the time, however fast jobs come and go. But nobody rests longer than this many
# seconds: a read may have taken long because this process was stopped, or the database was.
_REST, _REST_MOST_S = 9, 2.0


def rest_after(seconds: float) -> float:
    """Seconds to leave the store alone after lanes were read for so many."""
    return min(_REST * seconds, _REST_MOST_S)


async def refresh(control: Control) -> None:
    """Reads the lanes anew when something changed."""
    if not control.lanes_stale:
        return
    control.lanes_stale = False
    began, told = time.monotonic(), control.lanes_told
    control.lanes = await control.store.lanes(control.clock.now())
    control.lanes_reads += 1
    ended = time.monotonic()
    control.lanes_rest_until = ended + rest_after(ended - began)
    if told != control.lanes_told:  # what was announced meanwhile may be younger than what was read
        control.lanes_stale = True
        control.stirred.set()


def announce(control: Control, lanes: Mapping[str, int]) -> None:
    """Takes note of jobs that have just become ready, so many in each lane, and wakes agents for them at once."""
    for lane, count in lanes.items():
        jobs, due = control.lanes.get(lane, (0, None))
        control.lanes[lane] = (jobs + count, due)
    control.lanes_told += 1
    control.alarm.by(CARE_S)
    wake_idle(control)


def consume(control: Control, lanes: Iterable[str]) -> None:
    """Takes note of jobs that have just been granted, by the lane of each.

    A lane that was counted down to nothing is read again: the count may have left a grant out already.
    """
    for lane, count in Counter(lanes).items():
        jobs, due = control.lanes.get(lane, (0, None))
        control.lanes[lane] = (max(0, jobs - count), due)
        if jobs <= count:
            control.lanes_stale = True


def wake_idle(control: Control) -> None:
    """Wakes agents that could take what is ready now, no more of them than there are jobs."""
    open_ = {lane: jobs for lane, (jobs, _) in control.lanes.items() if jobs}
    if not open_:
        return
    now = control.clock.now()
    chosen: list[str] = []
    for profile, agents in control.idle.groups():
        for lane in [lane for lane in open_ if fits(profile, lane)]:
            while agents and open_[lane] > 0:
                _, agent = agents.popitem()  # it comes back with its next beat
                if agent.online(now) and not agent.draining:
                    open_[lane] -= agent.free
                    chosen.append(agent.agent)
    control.bus.wake(chosen)


def next_due(control: Control) -> int | None:
    """When the next delayed job is due, in epoch milliseconds."""
    return min((due for _, due in control.lanes.values() if due is not None), default=None)


def lanes_for(control: Control, agent: Presence, ending: bool = False) -> tuple[str, ...]:
    """The lanes with work that this agent can take; when it ends jobs, also those that may wait for just these."""
    if agent.draining or agent.ailing or agent.unlicensed or control.keys.signing.trouble:
        return ()
    return tuple(lane for lane, (jobs, _) in control.lanes.items() if (jobs or ending) and fits(agent.profile, lane))


def fits(profile: Profile, lane: str) -> bool:
    """Whether agents of this profile can take the lane's jobs."""
    kinds_, capabilities = profile
    _, kind, requires = matching.parse_lane(lane)
    return kind in kinds_ and capabilities.issuperset(requires)


class _Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A `JobOrder` whose JSON parts are passed on as they are stored."""

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
    accept: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    secrets: str = ""


def orders(control: Control, agent: Presence, granted: Sequence[Granted]) -> tuple[bytes, ...]:
    """The jobs as bodies of orders to this agent and no other, to be signed."""
    now = control.clock.now()
    nonces = secrets.token_hex(_NONCE_BYTES * len(granted))
    return tuple(
        _body(control, agent, job, now, nonces[2 * _NONCE_BYTES * at : 2 * _NONCE_BYTES * (at + 1)])
        for at, job in enumerate(granted)
    )


def _limits(job: Granted, kind: kinds.Kind) -> Limits:
    if not job.allowed:
        return Limits(wall_s=job.timeout, silence_s=min(kind.silence, job.timeout))
    allowed = msgspec.json.decode(job.allowed)
    wall = min(job.timeout, allowed.get("seconds", job.timeout))
    silence = min(kind.silence, wall)
    return Limits(wall_s=wall, silence_s=silence, money=allowed.get("money"), tokens=allowed.get("tokens"))


def _body(control: Control, agent: Presence, job: Granted, now: int, nonce: str) -> bytes:
    kind = kinds.get(job.kind)
    project = control.projects[job.project] if kind.worktree else None
    order = _Order(
        job=job.id,
        name=job.name,
        kind=job.kind,
        project=job.project,
        agent=agent.agent,
        agent_key=agent.verifier.keyid,
        generation=agent.generation,
        attempt=job.attempt,
        epoch=job.epoch,
        nonce=nonce,
        nbf=now,
        exp=now + START_WITHIN_MS,
        base=Base(repo=project.repo, branch=project.branch) if project else None,
        payload=msgspec.Raw(job.payload.encode()),
        scope=msgspec.Raw(job.scope.encode()),
        limits=_limits(job, kind),
        accept=msgspec.Raw(job.accept.encode()) if job.accept != "[]" else msgspec.UNSET,
        secrets=control.vault.lend(agent, job),
    )
    return encode(order)
