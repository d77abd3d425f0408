"""The store's contract on one screen. A driver exists only if it passes `paddock.store.conformance`.

Every method is one transaction. Times are epoch milliseconds and come from the caller; nothing here reads a clock.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from paddock.core.gate import Verdict
from paddock.store.anomalies import AnomalyStore
from paddock.store.backlog import Backlog
from paddock.store.budgets import BudgetStore
from paddock.store.chaining import ChainStore
from paddock.store.fairness import FairStore
from paddock.store.forging import ForgeStore
from paddock.store.job_news import JobNewsStore
from paddock.store.licences import LicenceStore
from paddock.store.people import PeopleStore
from paddock.store.records import (
    Agent,
    Attempt,
    BeatIn,
    BeatOut,
    Change,
    Counts,
    Decision,
    Event,
    Evidence,
    Granted,
    JobFilter,
    JobRecord,
    Project,
    SessionStart,
    Submission,
    Submitted,
)
from paddock.store.replicas import ReplicaStore
from paddock.store.reports import ReportStore
from paddock.store.reviews import ReviewStore
from paddock.store.secrets import SecretStore
from paddock.store.stating import StateStore
from paddock.store.tokens import TokenStore
from paddock.store.topics import TopicStore
from paddock.wire.messages import Check

# What became of an outcome: (job, epoch, code), the code empty when it stands.
Fate = tuple[str, int, str]
# Is told what is being granted.
Nearly = Callable[[tuple[Granted, ...]], None]


class Store(
    FairStore,
    BudgetStore,
    ReplicaStore,
    StateStore,
    TopicStore,
    TokenStore,
    AnomalyStore,
    JobNewsStore,
    ChainStore,
    ReviewStore,
    ForgeStore,
    ReportStore,
    LicenceStore,
    SecretStore,
    PeopleStore,
    Protocol,
):
    """Durable truth."""

    # Writes that were asked for and are not answered yet.
    backlog: Backlog

    @property
    def commits(self) -> int:
        """Transactions in which writes were committed since the store was opened."""

    @property
    def statements(self) -> int:
        """Named statements that were run since the store was opened."""

    async def close(self) -> None:
        """Finishes what was asked for and lets go of the store."""

    # Projects
    async def add_project(self, project: Project) -> Project:
        """Registers a project; the same name with the same repository again updates its branch and checks."""

    async def project(self, name: str) -> Project: ...
    async def projects(self) -> list[Project]: ...

    # Agents
    async def start_session(self, start: SessionStart) -> tuple[int, list[Fate]]:
        """An agent's new boot: takes what the earlier one left to tell, then gives up what it held."""

    async def drain(self, agent: str, draining: bool, now: int) -> Agent: ...
    async def set_health(self, agent: str, session: str, checks: Sequence[Check], told: str, now: int) -> bool:
        """How the checks of an agent's session stand; `told`, if any, is what the journal calls the change."""

    async def agent(self, ref: str) -> Agent: ...
    async def agents(self) -> list[Agent]: ...

    # Jobs
    async def submit(
        self, submission: Submission, now: int, ahead: BeatIn | None = None, nearly: Nearly | None = None
    ) -> Submitted:
        """Stores a batch whole or not at all, and grants what this beat, which has yet to come, would be granted.

        `nearly` is called with those, in a thread of the store's, when only the commit is still to come; again, with
        others, when that failed and everything is tried once more.
        """

    async def recall(self, ahead: BeatIn) -> int:
        """Takes back what was granted ahead of a beat that has not come; returns how many leases."""

    async def cancel(self, job: str, now: int) -> JobRecord: ...
    async def retry(self, job: str, now: int) -> JobRecord: ...
    async def job(self, ref: str) -> JobRecord: ...
    async def jobs(self, wanted: JobFilter) -> list[JobRecord]: ...
    async def attempts(self, job: str) -> list[Attempt]: ...
    async def needs(self, job: str) -> list[JobRecord]: ...
    async def serving(self, change: str) -> list[JobRecord]: ...
    async def lanes(self, now: int) -> dict[str, tuple[int, int | None]]:
        """Lanes: lane → (jobs that can be claimed now, when there may be more without anything else happening)."""

    async def opens_after(self, batch: str) -> tuple[str, int, int] | None:
        """What a batch waits for: (batch, jobs done there, jobs that must be), or None."""

    async def mean_spawn(self, kind: str) -> float | None:
        """Mean milliseconds from acceptance to start over the latest 50 runs of this kind."""

    # Leases
    async def beat(self, given: BeatIn) -> BeatOut:
        """Outcomes, renewals and grants of one beat, in that order. Refuses by code, never by exception."""

    async def expire(self, now: int) -> Sequence[str]: ...
    async def forgive(self, expires_at: int, now: int) -> int: ...
    async def next_expiry(self) -> int | None: ...
    async def holders(self) -> dict[str, list[str]]:
        """Live leases: agent → jobs."""

    # Changes
    async def decide(self, change: str, by: str, decision: str, note: str, now: int) -> Change: ...
    async def verdict(self, change: str) -> Verdict: ...
    async def change(self, ref: str) -> Change: ...
    async def changes(self, state: str | None, project: str | None, limit: int) -> list[Change]: ...
    async def decisions(self, change: str) -> list[Decision]: ...
    async def evidence(self, change: str) -> list[Evidence]: ...
    async def advance_changes(self, now: int) -> int:
        """Does what open changes ask for next; for the start, when a crash may have come between. Returns how many."""

    # Journal
    async def note(self, kind: str, job: str | None, agent: str | None, data: dict[str, object], now: int) -> None: ...
    async def journal(self, after: int, job: str | None, limit: int) -> list[Event]: ...
    async def last_seq(self) -> int: ...
    async def counts(self, now: int) -> Counts: ...
    async def findings(self) -> dict[str, list[str]]:
        """Rows that cannot be while every rule of the store holds: what is wrong → the ids it is wrong with."""
