"""The transition tables: every move that a job, an attempt or a change can make stands here and nowhere else."""

from enum import StrEnum
from typing import TypeVar

from paddock.core.errors import Conflict


class JobState(StrEnum):
    """Where a job stands."""

    BLOCKED = "blocked"  # waits for other jobs or for its batch to open
    READY = "ready"  # an agent may claim it
    LEASED = "leased"  # an agent holds it
    IN_REVIEW = "in_review"  # its change waits for checks, a person or the merge queue
    CHANGES_REQUESTED = "changes_requested"  # its change was sent back; the next attempt starts from the present base
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"  # an agent would not run it: the attempt's code says why
    PARKED = "parked"  # a person must act
    CANCELLED = "cancelled"


class AttemptState(StrEnum):
    """How an attempt stands or ended."""

    LIVE = "live"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    LOST = "lost"  # the lease ran out, or its agent started anew without it
    RETURNED = "returned"  # handed back unfinished; uses up no try
    CANCELLED = "cancelled"


class ChangeState(StrEnum):
    """Where a change stands."""

    OPEN = "open"  # waits for checks and a person
    APPROVED = "approved"  # waits for the merge queue
    MERGED = "merged"
    REJECTED = "rejected"
    CONFLICTED = "conflicted"  # does not merge onto the present base
    RED = "red"  # its checks fail
    SUPERSEDED = "superseded"  # its job was cancelled or runs anew


J, C = JobState, ChangeState

# What a job waits for that has no other reason to tell.
WAITS: dict[str, str] = {
    J.BLOCKED: "waits for other jobs",
    J.READY: "waits for an agent",
    J.IN_REVIEW: "its change waits",
    J.CHANGES_REQUESTED: "waits for an agent",
}

JOB: dict[JobState, frozenset[JobState]] = {
    J.BLOCKED: frozenset({J.READY, J.PARKED, J.CANCELLED}),
    J.READY: frozenset({J.LEASED, J.PARKED, J.CANCELLED}),
    J.LEASED: frozenset({J.READY, J.DONE, J.IN_REVIEW, J.FAILED, J.REFUSED, J.PARKED, J.CANCELLED}),
    J.IN_REVIEW: frozenset({J.DONE, J.CHANGES_REQUESTED, J.FAILED, J.CANCELLED}),
    J.CHANGES_REQUESTED: frozenset({J.LEASED, J.PARKED, J.CANCELLED}),
    J.DONE: frozenset(),
    J.FAILED: frozenset({J.READY}),
    J.REFUSED: frozenset({J.READY}),
    # Anew they wait for what they waited for.
    J.PARKED: frozenset({J.READY, J.BLOCKED, J.CANCELLED}),
    J.CANCELLED: frozenset({J.READY, J.BLOCKED}),
}

CHANGE: dict[ChangeState, frozenset[ChangeState]] = {
    C.OPEN: frozenset({C.APPROVED, C.REJECTED, C.CONFLICTED, C.RED, C.SUPERSEDED}),
    # It is open again when it conflicts, or a person asks for more, and somebody goes on with it.
    C.APPROVED: frozenset({C.OPEN, C.MERGED, C.CONFLICTED, C.RED, C.REJECTED, C.SUPERSEDED}),
    C.MERGED: frozenset(),
    C.REJECTED: frozenset(),
    C.CONFLICTED: frozenset(),
    C.RED: frozenset(),
    C.SUPERSEDED: frozenset(),
}

CLAIMABLE = frozenset({J.READY, J.CHANGES_REQUESTED})
FINAL = frozenset({J.DONE, J.FAILED, J.REFUSED, J.PARKED, J.CANCELLED})
RETRIABLE = frozenset(s for s in FINAL if J.READY in JOB[s])
OPEN_CHANGES = frozenset({C.OPEN, C.APPROVED})

S = TypeVar("S", JobState, ChangeState)


def move(table: dict[S, frozenset[S]], what: str, old: S, new: S) -> S:
    """`new`, if the table lets `what` go there from `old`.

    Raises: Conflict naming both states.
    """
    if new not in table[old]:
        raise Conflict(f"{what} is {old} and cannot become {new}")
    return new
