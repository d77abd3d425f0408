"""What a job tells and hears, from within it, through its agent's socket.

    from paddock import topics
    topics.publish("builds", {"green": True}, type="build.done", id="step-3")
    for event in topics.subscribe("builds", after=0):
        ...
    topics.job("progress").publish(7)         # of this job alone
    topics.agent("cache").read()              # of all jobs on this agent

A topic is the project's unless it is asked for otherwise. Events come from `/jobs/JOB`, whichever attempt publishes, so
that an id which is said again by the next attempt is not stored again. Needs PADDOCK_SOCKET, which every command job
has. The functions are those of `paddock.client.Topic`.
"""

import os
from collections.abc import Iterator
from typing import Any

from paddock.client.errors import ClientError, Full, NotFound, Stale, TooLarge, Unreachable
from paddock.client.topics import Event, Topic
from paddock.client.transport import Transport

__all__ = [
    "ClientError",
    "Event",
    "Full",
    "NotFound",
    "Stale",
    "TooLarge",
    "Topic",
    "Unreachable",
    "agent",
    "job",
    "jobs",
    "project",
    "publish",
    "read",
    "subscribe",
]

_transport = Transport(f"unix://{os.environ.get('PADDOCK_SOCKET', '/paddock/agent/sock')}")


def project(name: str) -> Topic:
    """A topic of this job's project, which its other jobs write and read too."""
    return Topic(_transport, f"/v1/topics/project/{name}")


def job(name: str) -> Topic:
    """A topic of this job, whichever attempt it is."""
    return Topic(_transport, f"/v1/topics/job/{name}")


def agent(name: str) -> Topic:
    """A topic of the agent that this job runs on."""
    return Topic(_transport, f"/v1/topics/agent/{name}")


def jobs() -> Topic:
    """What becomes of the jobs of this job's project, as `paddock.jobs` tells it; it is read and nothing else."""
    return Topic(_transport, "/v1/topics/paddock/jobs")


def publish(topic: str, data: Any = None, *, type: str = "paddock.said", id: str = "", **attributes: Any) -> int:
    """Publishes an event in a topic of the project; its position. Raises: Stale, TooLarge, Full, Unreachable."""
    return project(topic).publish(data, type=type, id=id, **attributes)


def read(topic: str, after: int = 0, limit: int = 100) -> list[Event]:
    """Events of a topic of the project behind a position. Raises: Stale, Unreachable."""
    return project(topic).read(after, limit)


def subscribe(topic: str, after: int | None = 0, *, quiet: float | None = None) -> Iterator[Event]:
    """Events of a topic of the project behind a position, as they come; None: only those to come.

    It ends after `quiet` seconds without one. Raises: Stale, Unreachable.
    """
    return project(topic).follow(after, quiet=quiet)
