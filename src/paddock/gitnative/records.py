"""What the commits of a claim say: one line in the grammar that people and tools read, and the record as TOON below."""

import re
import time
from typing import Annotated

import msgspec

from paddock.gitnative import toon
from paddock.gitnative.errors import TaskInvalid

CLAIMED, WORKING, COMPLETED, RELEASED, PARKED = "claimed", "working", "completed", "released", "parked"
Short = Annotated[str, msgspec.Meta(max_length=4_096)]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One state of a claim. Times are the writer's own, for people to read; nothing is decided by them."""

    task: Short
    project: Short
    agent: Short
    # claimed, working, completed, released or parked
    state: Annotated[str, msgspec.Meta(pattern="^(claimed|working|completed|released|parked)$")]
    # Rises by one at every claim of the task.
    epoch: Annotated[int, msgspec.Meta(ge=1, le=2**31)]
    # Claims that ended because nobody renewed them.
    losses: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = 0
    # One process of the agent.
    session: Short = ""
    claimed_at: Short = ""
    at: Short = ""
    pr_url: Short = ""
    branch: Short = ""
    head: Short = ""
    reason: Short = ""
    # Of chance, so that no two writes are the same commit: whose of two equal ones was taken nobody could tell.
    nonce: Short = ""

    @property
    def key(self) -> str:
        """`project/task`."""
        return f"{self.project}/{self.task}"


def stamp(seconds: float) -> str:
    """A moment as people write it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def subject(record: Record, minutes: int = 0) -> str:
    """The first line of a commit."""
    task, agent = record.task, record.agent
    return (
        {
            CLAIMED: f"[AGENT-CLAIM] {agent} claimed {task} from {record.project}",
            WORKING: f"[AGENT-HEARTBEAT] {agent} working on {task}",
            COMPLETED: f"[AGENT-COMPLETE] {agent} completed {record.key}",
            RELEASED: f"[AGENT-RELEASE] {agent} released {task}",
            PARKED: f"[ORCHESTRATOR] Parked {task} ({record.losses} claims were lost)",
        }[record.state]
        if not minutes or record.state != RELEASED
        else (f"[ORCHESTRATOR] Released 1 stalled tasks (no heartbeat for {minutes}m)")
    )


def message(record: Record, minutes: int = 0) -> str:
    """A commit's message."""
    return f"{subject(record, minutes)}\n\n{toon.dumps({'claim': msgspec.to_builtins(record)})}"


def read(text: str) -> Record:
    """The record in a commit's message.

    Raises: TaskInvalid when there is none.
    """
    body = re.split(r"\n\s*\n", text, maxsplit=1)
    document = toon.loads(body[1] if len(body) > 1 else "", "the claim")
    try:
        return msgspec.convert(document.value.get("claim"), Record)
    except msgspec.ValidationError as error:
        raise TaskInvalid(f"the claim's record is none: {error}") from None
