"""The part of the contract that tells what becomes of jobs: the journal, read job by job."""

from typing import Any, NamedTuple, Protocol

from paddock.core.states import JobState
from paddock.store.records import Record
from paddock.store.stating import Place

# A position is the number of the journal's row times this, and the place in it where the row is on many jobs.
STEP = 1_000_000


class JobMoved(Record, frozen=True, kw_only=True):
    """A job came into a state at `at`, epoch milliseconds; `data` is what the journal says of it."""

    position: int
    at: int
    state: JobState
    agent: str | None
    data: dict[str, Any]
    job: str
    name: str
    project: str
    kind: str
    requires: tuple[str, ...]
    labels: tuple[str, ...]
    batch: str | None


class Moves(NamedTuple):
    """What happened to jobs, and the position up to which the journal was read for it, which may be further on."""

    found: list[JobMoved]
    upto: int


class JobNewsStore(Protocol):
    """Written nowhere: what is read here is the journal."""

    async def job_moves(self, after: int, most: int, place: Place | None = None) -> Moves:
        """What became of jobs behind a position, oldest first; for an attempt's place the jobs of its project.

        It looks at a bounded part of the journal: nothing found says that there is nothing up to `upto`. Raises: Stale.
        """
