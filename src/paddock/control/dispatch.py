"""Who takes what: lanes matched to agents, agents woken, jobs addressed and signed."""

import secrets
import time
from collections.abc import Iterable

from paddock.control.plane import Control
from paddock.control.presence import Presence, Profile
from paddock.core import kinds, matching
from paddock.store.records import JobRecord
from paddock.wire.envelope import Envelope, seal
from paddock.wire.messages import Base, JobOrder, Limits, encode

# The latest moment a granted job may start; how long it may run is its own limit.
START_WITHIN_MS = 900_000
# Lanes are read at most a tenth of the time, however fast jobs come and go.
_REST = 9


async def refresh(control: Control) -> None:
    """Reads the lanes anew when something changed."""
    if not control.lanes_stale:
        return
    control.lanes_stale = False
    began, told = time.monotonic(), control.lanes_told
    control.lanes = await control.store.lanes(control.clock.now())
    ended = time.monotonic()
    control.lanes_rest_until = ended + _REST * (ended - began)
    if told != control.lanes_told:  # what was announced meanwhile may be younger than what was read
        control.lanes_stale = True
        control.stirred.set()


def announce(control: Control, lanes: Iterable[str]) -> None:
    """Takes note of jobs that have just become ready, one lane's name for each, and wakes agents for them at once."""
    for lane in lanes:
        jobs, due = control.lanes.get(lane, (0, None))
        control.lanes[lane] = (jobs + 1, due)
    control.lanes_told += 1
    wake_idle(control)


def consume(control: Control, granted: Iterable[JobRecord]) -> None:
    """Takes note of jobs that have just been granted.

    A lane that was counted down to nothing is read again: the count may have left a grant out already.
    """
    for job in granted:
        jobs, due = control.lanes.get(job.lane, (0, None))
        if jobs:
            control.lanes[job.lane] = (jobs - 1, due)
        if jobs <= 1:
            control.lanes_stale = True


def wake_idle(control: Control) -> None:
    """Wakes agents that could take what is ready now, no more of them than there are jobs."""
    open_ = {lane: jobs for lane, (jobs, _) in control.lanes.items() if jobs}
    if not open_:
        return
    now = control.clock.now()
    chosen: list[str] = []
    for profile, agents in control.idle.groups():
        for lane in [lane for lane in open_ if _fits(profile, lane)]:
            while agents and open_[lane] > 0:
                _, agent = agents.popitem()  # it comes back with its next beat
                if agent.online(now) and not agent.draining:
                    open_[lane] -= agent.free
                    chosen.append(agent.agent)
    control.bus.wake(chosen)


def next_due(control: Control) -> int | None:
    """When the next delayed job is due, in epoch milliseconds."""
    return min((due for _, due in control.lanes.values() if due is not None), default=None)


def lanes_for(control: Control, agent: Presence) -> tuple[str, ...]:
    """The lanes with work that this agent can take."""
    if agent.draining:
        return ()
    return tuple(lane for lane, (jobs, _) in control.lanes.items() if jobs and _fits(agent.profile, lane))


def _fits(profile: Profile, lane: str) -> bool:
    kinds_, capabilities = profile
    _, kind, requires = matching.parse_lane(lane)
    return kind in kinds_ and capabilities.issuperset(requires)


def address(control: Control, agent: Presence, job: JobRecord) -> Envelope:
    """The job as a signed order to this agent and no other."""
    now = control.clock.now()
    project = control.projects[job.project]
    kind = kinds.get(job.kind)
    order = JobOrder(
        job=job.id,
        name=job.name,
        kind=job.kind,
        project=job.project,
        agent=agent.agent,
        agent_key=agent.verifier.keyid,
        generation=agent.generation,
        attempt=job.attempt,
        epoch=job.epoch,
        nonce=secrets.token_hex(16),
        nbf=now,
        exp=now + START_WITHIN_MS,
        base=Base(repo=project.repo, branch=project.branch) if kind.worktree else None,
        payload=job.payload,
        scope=job.typed_scope(),
        limits=Limits(wall_s=job.timeout, silence_s=min(kind.silence, job.timeout)),
        accept=job.accept,
    )
    return seal(encode(order), "job", control.job_key)
