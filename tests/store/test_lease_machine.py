"""Leases under any order of events: a state machine drives the real store as agents, reapers and people would."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from paddock.core.errors import Conflict
from paddock.core.job import parse_batch, settle
from paddock.core.states import FINAL, JobState
from paddock.store.base import Store
from paddock.store.postgres.driver import PostgresStore
from paddock.store.records import BeatIn, BeatOut, JobFilter, Project, SessionStart, Submission
from paddock.store.sqlite.driver import SqliteStore
from paddock.wire.messages import Held, Hello, Outcome
from support.services import Databases

T = TypeVar("T")
AGENTS = 3
TTL = 100
LANES = ("p|noop|",)


class Leases(RuleBasedStateMachine):
    """Agents know only what answers told them; some answers are lost on the way."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.place = self.fresh()
        self.now = 1_000
        self.sessions = 0
        self.store = self.do(self.open())
        self.do(self.store.add_project(Project(name="p", repo="/r", branch="main", checks=(), created=1)))
        self.agents: list[str] = []
        self.session: dict[int, str] = {}
        self.seq: dict[int, int] = {}
        self.held: dict[int, dict[str, int]] = {}
        self.epochs: dict[str, int] = {}
        self.done: set[str] = set()
        self.jobs: set[str] = set()
        for number in range(AGENTS):
            self.do(self.store.add_token(f"hash-{number}", "", self.now, self.now + 10**9))
            self.agents.append(self.do(self.store.redeem(f"hash-{number}", f"key-{number}", f"a{number}", self.now)).id)
            self.boot(number)

    def fresh(self) -> str:
        """An empty store's place."""
        return str(self.folder / "store.db")

    async def open(self) -> Store:
        return await SqliteStore.open(Path(self.place))

    def do(self, work: Awaitable[T]) -> T:
        async def run() -> T:
            return await work

        return self.loop.run_until_complete(run())

    def boot(self, number: int) -> None:
        self.sessions += 1
        self.session[number] = f"s{self.sessions:05d}"
        self.seq[number] = 0
        self.held[number] = {}
        hello = Hello(name=f"a{number}", version="1", kinds=("noop",), capabilities=(), slots=9)
        self.do(
            self.store.start_session(
                SessionStart(agent=self.agents[number], session=self.session[number], hello=hello, now=self.now)
            )
        )

    def beat(self, number: int, outcomes: tuple[Outcome, ...] = (), want: int = 0) -> BeatOut:
        self.seq[number] += 1
        held = tuple(Held(job=job, epoch=epoch) for job, epoch in self.held[number].items())
        out = self.do(
            self.store.beat(
                BeatIn(
                    agent=self.agents[number],
                    session=self.session[number],
                    seq=self.seq[number],
                    now=self.now,
                    ttl=TTL,
                    outcomes=outcomes,
                    held=held,
                    want=want,
                    lanes=LANES,
                )
            )
        )
        for job in out.granted:
            assert job.epoch > self.epochs.get(job.id, 0), "an epoch rises with every grant"
            assert job.id not in self.done, "a job that is done is never granted again"
            self.epochs[job.id] = job.epoch
        for job_id, epoch, why in out.stops:
            if why == "stale" or self.held[number].get(job_id) == epoch:
                self.held[number].pop(job_id, None)
        return out

    @rule(count=st.integers(1, 4))
    def submit(self, count: int) -> None:
        jobs = [{"id": f"n{len(self.jobs) + at}", "kind": "noop", "payload": {}} for at in range(count)]
        batch = parse_batch({"project": "p", "jobs": jobs})
        made = self.do(self.store.submit(Submission(project="p", name="", jobs=tuple(settle(batch))), self.now))
        self.jobs |= {job for job, _ in made.jobs}

    @rule(number=st.integers(0, AGENTS - 1), want=st.integers(1, 3), lost=st.booleans())
    def claim(self, number: int, want: int, lost: bool) -> None:
        out = self.beat(number, want=want)
        if not lost:
            self.held[number].update({job.id: job.epoch for job in out.granted})

    @rule(
        number=st.integers(0, AGENTS - 1), status=st.sampled_from(["done", "failed", "returned"]), twice=st.booleans()
    )
    def finish(self, number: int, status: str, twice: bool) -> None:
        for job, epoch in list(self.held[number].items())[:1]:
            outcome = Outcome(job=job, epoch=epoch, status=status)
            del self.held[number][job]
            acks = self.beat(number, (outcome,)).acks
            if acks[0][2] == "":
                if status == "done":
                    self.done.add(job)
                if twice:
                    assert self.beat(number, (outcome,)).acks[0][2] == "", "telling it twice is harmless"
            else:
                assert acks[0][2] == "stale_lease"

    @rule(number=st.integers(0, AGENTS - 1), job=st.integers(0, 30), epoch=st.integers(1, 5))
    def lie(self, number: int, job: int, epoch: int) -> None:
        """An outcome for a lease that this session does not hold is refused and changes nothing."""
        names = sorted(self.jobs)
        if not names:
            return
        target = names[job % len(names)]
        if self.held[number].get(target) == epoch:
            return
        before = self.do(self.store.job(target))
        if before.state is JobState.LEASED and before.session == self.session[number] and before.epoch == epoch:
            return  # it was granted to this very session in an answer that was lost
        acks = self.beat(number, (Outcome(job=target, epoch=epoch, status="failed"),)).acks
        past = [a for a in self.do(self.store.attempts(target)) if a.epoch == epoch]
        mine = bool(past) and past[0].session == self.session[number] and past[0].state == "failed"
        assert (acks[0][2] == "") == mine

    @rule(number=st.integers(0, AGENTS - 1))
    def restart_agent(self, number: int) -> None:
        self.boot(number)

    @rule(by=st.integers(1, 3 * TTL))
    def time_passes(self, by: int) -> None:
        self.now += by
        self.do(self.store.expire(self.now))

    @rule(job=st.integers(0, 30))
    def cancel(self, job: int) -> None:
        names = sorted(self.jobs)
        if names:
            with contextlib.suppress(Conflict):
                self.do(self.store.cancel(names[job % len(names)], self.now))

    @rule()
    def restart_control_plane(self) -> None:
        self.do(self.store.close())
        self.store = self.do(self.open())
        self.do(self.store.forgive(self.now + TTL, self.now))

    @invariant()
    def nothing_is_lost_and_one_lease_at_most(self) -> None:
        if not hasattr(self, "store"):
            return
        found = {job.id: job for job in self.do(self.store.jobs(JobFilter(limit=10_000)))}
        assert set(found) == self.jobs
        for job in found.values():
            live = [a for a in self.do(self.store.attempts(job.id)) if a.state == "live"]
            assert len(live) == (1 if job.state is JobState.LEASED else 0)
            if live:
                assert (live[0].epoch, live[0].session) == (job.epoch, job.session)
            assert (job.ended is not None) == (job.state in FINAL)
        assert all(found[job].state is JobState.DONE for job in self.done)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.do(self.store.close())
            self.loop.close()
            shutil.rmtree(self.folder)


class LeasesOnPostgres(Leases):
    """The same, on one database of which each run gets a copy."""

    databases: Databases

    def fresh(self) -> str:
        return self.databases.create()

    async def open(self) -> Store:
        return await PostgresStore.open(self.place)

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "place"):
            self.databases.drop(self.place)


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


def test_leases_in_a_file() -> None:
    run_state_machine_as_test(Leases, settings=_settings(25))


def test_leases_on_postgresql(databases: Databases) -> None:
    LeasesOnPostgres.databases = databases
    run_state_machine_as_test(LeasesOnPostgres, settings=_settings(10))
