"""What a job remembers, from within it: keys that outlive its attempts, through its agent's socket.

    from paddock import state
    done = state.get_json("step", 0)
    state.put("step", "1", if_absent=True)
    state.update_json("step", lambda step: step + 1, 0)
    state.project().put("shared", b"…")       # of all jobs of the project
    state.agent().put("cache", b"…")          # of all jobs on this agent

Needs PADDOCK_SOCKET, which every command job has. The functions are those of `paddock.client.State`.
"""

import os

from paddock.client.errors import ClientError, Conflict, Full, NotFound, Stale, TooLarge, Unreachable
from paddock.client.state import Key, State, Value
from paddock.client.transport import Transport

__all__ = [
    "ClientError",
    "Conflict",
    "Full",
    "Key",
    "NotFound",
    "Stale",
    "State",
    "TooLarge",
    "Unreachable",
    "Value",
    "agent",
    "delete",
    "find",
    "get",
    "get_json",
    "job",
    "keys",
    "project",
    "put",
    "put_json",
    "update",
    "update_json",
]


_transport = Transport(f"unix://{os.environ.get('PADDOCK_SOCKET', '/paddock/agent/sock')}")


def job() -> State:
    """This job's own keys."""
    return State(_transport, "/v1/state/job")


def project() -> State:
    """The keys of this job's project, which its other jobs read and write too."""
    return State(_transport, "/v1/state/project")


def agent() -> State:
    """The keys of the agent that this job runs on."""
    return State(_transport, "/v1/state/agent")


_mine = job()
get = _mine.get
find = _mine.find
put = _mine.put
update = _mine.update
delete = _mine.delete
keys = _mine.keys
get_json = _mine.get_json
put_json = _mine.put_json
update_json = _mine.update_json
