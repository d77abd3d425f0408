"""What a runner is: one file per kind of job, handed everything it may touch."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from paddock.core.errors import PaddockError
from paddock.core.policy_scope import Effective
from paddock.wire.messages import JobOrder, Outcome

# The socket's name in the folder that is given.
SOCKET = "sock"


class RunFailed(PaddockError):
    """The run failed."""

    code = "run_failed"

    def __init__(self, message: str = "", *, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.told = code or type(self).code


class Sink(Protocol):
    """Takes what a run prints, as it comes."""

    def write(self, data: bytes) -> None:
        """Takes some bytes; never blocks."""


class Talk(Protocol):
    """A conversation with a run: it takes what the run prints, and ends the run when it is `over`."""

    over: asyncio.Event
    # Counts in place of the program's own once the conversation is over.
    exit_code: int

    def open(self, say: Callable[[bytes], bool]) -> None:
        """Begins. `say` sends bytes to the run and tells whether they can still arrive."""

    def write(self, data: bytes) -> None:
        """Takes some bytes; never blocks."""

    def close(self) -> None:
        """The run has ended: if the conversation is not over, this is its end."""


class Stop:
    """Tells a run to end, and why: `cancel`, `stale` or `shutdown`."""

    __slots__ = ("_ordered", "why")

    def __init__(self) -> None:
        self.why = ""
        # Made by who waits first; most runs end before anybody does.
        self._ordered: asyncio.Event | None = None

    def order(self, why: str) -> None:
        """Orders the run to end; the first reason stays."""
        self.why = self.why or why
        if self._ordered is not None:
            self._ordered.set()

    async def wait(self) -> str:
        """Waits for the order and returns its reason."""
        if not self.why:
            self._ordered = self._ordered or asyncio.Event()
            await self._ordered.wait()
        return self.why


@dataclass(frozen=True, kw_only=True)
class Run:
    """One attempt as its runner sees it."""

    order: JobOrder
    # Root of the host's workspaces.
    work: Path
    # Prefixes that jobs see read-only.
    tools: tuple[Path, ...]
    # What the job may touch here: its scope, cut down by the host's policy.
    fence: Effective
    log: Sink
    diff: Sink
    stop: Stop
    # Says in words what the run does now.
    say: Callable[[str], None]
    # Marks the moment at which the run itself starts.
    began: Callable[[], None]
    # Asks the control plane whether this attempt still holds the job; raises Stale when it does not.
    confirm: Callable[[], Awaitable[None]]
    # Serves the run a socket in this folder, under SOCKET, for as long as the context is open.
    socket: Callable[[Path], AbstractAsyncContextManager[None]]
    # Values of its secrets by name.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    facts: dict[str, object] = field(default_factory=dict)
    # Signs as this agent: the key's id and the signature in base64; empty where a run has nobody to sign for it.
    sign: Callable[[bytes], str] = lambda _: ""


Runner = Callable[[Run], Awaitable[Outcome]]


def outcome(run: Run, status: str, **fields: object) -> Outcome:
    """An outcome of this attempt."""
    return Outcome(job=run.order.job, epoch=run.order.epoch, status=status, **fields)  # type: ignore[arg-type]


def stopped(run: Run, **fields: object) -> Outcome:
    """The outcome of a run that was told to stop: cancelled when a person asked, else handed back."""
    status = "cancelled" if run.stop.why == "cancel" else "returned"
    return outcome(run, status, code=run.stop.why, **fields)
