"""Which agent may take which job, and why each job waits.

Ready jobs that ask the same of an agent and count towards the same limits form one *lane*: (project, kind, requires,
limits). An agent is matched to lanes, and a lane is held back as a whole, so the cost of a match grows with the kinds
of work there are and not with the length of the queue.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

SEPARATOR = "|"


@lru_cache(4_096)
def lane(project: str, kind: str, requires: tuple[str, ...], limits: tuple[str, ...] = ()) -> str:
    """The lane's name: `project|kind|cap,cap` with the capabilities sorted, and `|key,key` where there are limits."""
    words = (project, kind, ",".join(sorted(requires)))
    return SEPARATOR.join((*words, ",".join(sorted(limits))) if limits else words)


@lru_cache(4_096)
def parse_lane(name: str) -> tuple[str, str, tuple[str, ...]]:
    """The (project, kind, requires) behind a lane's name."""
    project, kind, requires = name.split(SEPARATOR, 3)[:3]
    return project, kind, tuple(requires.split(",")) if requires else ()


@lru_cache(4_096)
def limits_of(name: str) -> tuple[str, ...]:
    """The keys of limits that the jobs of a lane name."""
    words = name.split(SEPARATOR)
    return tuple(words[3].split(",")) if len(words) > 3 else ()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What the matcher must know of an agent."""

    name: str
    kinds: Collection[str]
    capabilities: Collection[str]
    slots: int
    running: int
    online: bool
    draining: bool
    # What it can hold a job in; `none` is a host where nothing is contained.
    containment: str = ""
    # The health check that keeps it from work, or empty.
    ailing: str = ""
    # What its licence says: kinds that it may not run, jobs that it may hold (0: as many as it has slots), and why it
    # must wait, or empty.
    withheld: Collection[str] = ()
    most: int = 0
    unlicensed: str = ""


def unfit(agent: Candidate, lane_name: str) -> str:
    """Why this agent can never take the lane as it is now; empty when it can."""
    _, kind, requires = parse_lane(lane_name)
    if kind in agent.withheld:
        return f"its licence does not cover {kind} jobs"
    if kind not in agent.kinds:
        return "cannot contain jobs" if agent.containment == "none" else f"does not run {kind} jobs"
    missing = [word for word in requires if word not in agent.capabilities]
    return f"lacks {', '.join(missing)}" if missing else ""


def waits(agent: Candidate, lane_name: str) -> str:
    """Why this agent does not take the lane at this moment; empty when it should."""
    if not agent.online:
        return "is offline"
    reason = unfit(agent, lane_name)
    if reason:
        return reason
    if agent.draining:
        return "is draining"
    if agent.ailing:
        return f"is unhealthy: {agent.ailing}"
    if agent.unlicensed:
        return agent.unlicensed
    if agent.most and agent.running >= agent.most:
        return f"holds {agent.running} of the {agent.most} jobs that its licence lets it hold"
    if agent.running >= agent.slots:
        return f"is busy with {agent.running} of {agent.slots} jobs"
    return ""
