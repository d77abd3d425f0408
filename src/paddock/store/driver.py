"""The contract over any engine: each method is one operation of it."""

import random
from collections.abc import Sequence
from functools import partial

from paddock.core.errors import BadInput
from paddock.core.gate import Verdict
from paddock.store.anomaly_ops import AnomalyOps
from paddock.store.base import Fate, Nearly
from paddock.store.budget_ops import BudgetOps
from paddock.store.chain_ops import ChainOps
from paddock.store.engine import Glance
from paddock.store.fairness_ops import FairOps
from paddock.store.forging_ops import ForgeOps
from paddock.store.licence_ops import LicenceOps
from paddock.store.ops import changing, checking, deciding, leasing, limiting, reading, spending
from paddock.store.ops.work import Work, record, records, to_json
from paddock.store.people_ops import PeopleOps
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
    JobFilter,
    JobRecord,
    Project,
    SessionStart,
    Submission,
    Submitted,
)
from paddock.store.replica_ops import ReplicaOps
from paddock.store.reports import ReportOps
from paddock.store.review_ops import ReviewOps
from paddock.store.secret_ops import SecretOps
from paddock.store.statements import Tx
from paddock.store.stating_ops import StateOps
from paddock.store.token_ops import TokenOps
from paddock.store.topic_ops import TopicOps
from paddock.wire.messages import Check


class StoreDriver(
    FairOps,
    ReplicaOps,
    StateOps,
    TopicOps,
    TokenOps,
    AnomalyOps,
    ReportOps,
    ChainOps,
    ReviewOps,
    BudgetOps,
    LicenceOps,
    SecretOps,
    PeopleOps,
    ForgeOps,
):
    """A store over an engine."""

    # Projects

    async def add_project(self, project: Project) -> Project:
        def op(work: Work) -> Project:
            checks = to_json(project.checks)
            row = work.tx.one("project", name=project.name)
            if row is None:
                work.tx.run(
                    "add_project",
                    name=project.name,
                    repo=project.repo,
                    branch=project.branch,
                    checks=checks,
                    created=project.created,
                )
                work.journal("project.added", project=project.name, repo=project.repo, branch=project.branch)
            elif row["repo"] != project.repo:
                raise BadInput(f"project {project.name!r} is {row['repo']}", hint="choose another name")
            else:
                work.tx.run("set_checks", name=project.name, checks=checks, branch=project.branch)
            return record(Project, work.tx.all("project", name=project.name)[0])

        return await self._write(project.created, op)

    async def project(self, name: str) -> Project:
        return await self._read(lambda tx: reading.find_project(tx, name))

    async def projects(self) -> list[Project]:
        return await self._read(lambda tx: records(Project, tx.all("projects")))

    # Agents

    async def start_session(self, start: SessionStart) -> tuple[int, list[Fate]]:
        return await self._write(start.now, lambda work: leasing.start_session(work, start))

    async def drain(self, agent: str, draining: bool, now: int) -> Agent:
        return await self._write(now, lambda work: deciding.drain(work, agent, draining))

    async def set_health(self, agent: str, session: str, checks: Sequence[Check], told: str, now: int) -> bool:
        return await self._write(now, lambda work: deciding.set_health(work, agent, session, checks, told))

    async def agent(self, ref: str) -> Agent:
        return await self._read(lambda tx: reading.find_agent(tx, ref))

    async def agents(self) -> list[Agent]:
        return await self._read(Glance(lambda tx: records(Agent, tx.all("agents"))))

    # Jobs

    async def submit(
        self, submission: Submission, now: int, ahead: BeatIn | None = None, nearly: Nearly | None = None
    ) -> Submitted:
        def op(work: Work) -> Submitted:
            made = leasing.submit(work, submission, ahead)
            if nearly is not None:
                work.tx.nearly.append(partial(nearly, made.ahead))
            return made

        return await self._write(now, op)

    async def recall(self, ahead: BeatIn) -> int:
        return await self._write(ahead.now, lambda work: leasing.recall(work, ahead))

    async def cancel(self, job: str, now: int) -> JobRecord:
        return await self._write(now, lambda work: deciding.cancel(work, job))

    async def retry(self, job: str, now: int) -> JobRecord:
        return await self._write(now, lambda work: deciding.retry(work, job))

    async def job(self, ref: str) -> JobRecord:
        return await self._read(lambda tx: reading.find_job(tx, ref))

    async def jobs(self, wanted: JobFilter) -> list[JobRecord]:
        return await self._read(lambda tx: reading.jobs(tx, wanted))

    async def attempts(self, job: str) -> list[Attempt]:
        return await self._read(lambda tx: reading.attempts(tx, job))

    async def needs(self, job: str) -> list[JobRecord]:
        return await self._read(lambda tx: records(JobRecord, tx.all("needs_of_job", job=job)))

    async def serving(self, change: str) -> list[JobRecord]:
        return await self._read(lambda tx: records(JobRecord, tx.all("jobs_serving", change=change)))

    async def lanes(self, now: int) -> dict[str, tuple[int, int | None]]:
        def op(tx: Tx) -> dict[str, tuple[int, int | None]]:
            return spending.hold_back(tx, now, limiting.hold_back(tx, now, reading.lanes(tx, now)))

        return await self._read(op)

    async def opens_after(self, batch: str) -> tuple[str, int, int] | None:
        def op(tx: Tx) -> tuple[str, int, int] | None:
            row = tx.one("batch", id=batch)
            if row is None or row["opens_batch"] is None:
                return None
            return row["opens_batch"], tx.value("done_in_batch", batch=row["opens_batch"]), row["opens_done"]

        return await self._read(op)

    async def mean_spawn(self, kind: str) -> float | None:
        return await self._read(lambda tx: tx.value("mean_spawn", kind=kind))

    # Leases

    async def beat(self, given: BeatIn) -> BeatOut:
        return await self._write(given.now, lambda work: leasing.beat(work, given))

    async def expire(self, now: int) -> Sequence[str]:
        return await self._write(now, lambda work: leasing.expire(work, now))

    async def forgive(self, expires_at: int, now: int) -> int:
        return await self._write(now, lambda work: leasing.forgive(work, expires_at))

    async def next_expiry(self) -> int | None:
        return await self._read(lambda tx: tx.value("next_expiry"))

    async def holders(self) -> dict[str, list[str]]:
        def op(tx: Tx) -> dict[str, list[str]]:
            out: dict[str, list[str]] = {}
            for row in tx.all("leases"):
                out.setdefault(row["agent"], []).append(row["id"])
            return out

        return await self._read(op)

    # Changes

    async def decide(self, change: str, by: str, decision: str, note: str, now: int) -> Change:
        return await self._write(now, lambda work: changing.decide(work, change, by, decision, note))

    async def verdict(self, change: str) -> Verdict:
        def op(tx: Tx) -> Verdict:
            work = Work(tx, 0, self._new_id, random.random)
            return changing.verdict(work, work.change(change))

        return await self._engine.read(op)

    async def change(self, ref: str) -> Change:
        return await self._read(lambda tx: reading.find_change(tx, ref))

    async def changes(self, state: str | None, project: str | None, limit: int) -> list[Change]:
        return await self._read(lambda tx: reading.changes(tx, state, project, limit))

    async def decisions(self, change: str) -> list[Decision]:
        return await self._read(lambda tx: reading.decisions(tx, change))

    async def evidence(self, change: str) -> list[Evidence]:
        return await self._read(lambda tx: records(Evidence, tx.all("evidence_of_change", change=change)))

    async def advance_changes(self, now: int) -> int:
        def op(work: Work) -> int:
            rows = work.tx.all("open_changes")
            for row in rows:
                changing.advance(work, row["id"])
            return len(rows)

        return await self._write(now, op)

    # Journal

    async def note(self, kind: str, job: str | None, agent: str | None, data: dict[str, object], now: int) -> None:
        await self._write(now, lambda work: work.journal(kind, job, agent, **data))

    async def journal(self, after: int, job: str | None, limit: int) -> list[Event]:
        return await self._read(lambda tx: reading.journal(tx, after, job, limit))

    async def last_seq(self) -> int:
        return await self._read(Glance(lambda tx: tx.value("last_seq") or 0))

    async def findings(self) -> dict[str, list[str]]:
        return await self._read(checking.findings)

    async def counts(self, now: int) -> Counts:
        return await self._read(lambda tx: reading.counts(tx, now))
