"""What the checks of a store stand on: a store with a project, and agents that beat."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from paddock.core.job import parse_batch, settle
from paddock.store.base import Store
from paddock.store.records import BeatIn, BeatOut, Granted, Project, SessionStart, Submission
from paddock.wire.messages import ChangeReport, Hello, Outcome

Check = Callable[[Store], Awaitable[None]]
TTL = 1_000
NOW = 10_000
LANES = ("p|command|", "p|noop|", "p|test.run|", "p|change.merge|")


class Bench:
    """A store with one project, and agents that beat."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.seq = 0

    async def project(self, name: str = "p", *, checks: tuple[tuple[str, ...], ...] = ()) -> None:
        await self.store.add_project(Project(name=name, repo=f"/{name}", branch="main", checks=checks, created=NOW))

    async def agent(self, name: str, session: str = "") -> tuple[str, str]:
        await self.store.add_token(f"hash-{name}", "", NOW, NOW + TTL)
        agent = await self.store.redeem(f"hash-{name}", f"key-{name}", name, NOW)
        session = session or f"s-{name}"
        await self.boot(agent.id, session)
        return agent.id, session

    async def boot(self, agent: str, session: str, *outcomes: Outcome, now: int = NOW) -> tuple[int, list[Any]]:
        hello = Hello(name="n", version="1", kinds=("command", "noop"), capabilities=(), slots=5)
        start = SessionStart(agent=agent, session=session, hello=hello, now=now, outcomes=outcomes)
        return await self.store.start_session(start)

    async def submit(self, *jobs: Mapping[str, Any], **batch: Any) -> dict[str, str]:
        spec = {"project": "p", "defaults": {"kind": "noop", "payload": {}}, "jobs": list(jobs)}
        parsed = parse_batch(spec)
        made = Submission(project=batch.pop("project", "p"), name="", jobs=tuple(settle(parsed)), **batch)
        stored = await self.store.submit(made, NOW)
        return {"": stored.batch, **{name: job for job, name in stored.jobs}}

    async def beat(self, who: tuple[str, str], want: int = 0, *outcomes: Outcome, **more: Any) -> BeatOut:
        self.seq += 1
        given = {"seq": self.seq, "now": NOW, "ttl": TTL, "lanes": LANES, **more}
        return await self.store.beat(
            BeatIn(agent=who[0], session=who[1], want=want, outcomes=outcomes, held=given.pop("held", ()), **given)
        )

    async def run(self, who: tuple[str, str], **result: Any) -> Granted:
        """Claims one job and finishes it."""
        job = (await self.beat(who, 1)).granted[0]
        out = await self.beat(who, 0, done(job, **result))
        assert out.acks == ((job.id, job.epoch, ""),)
        return job


def done(job: Granted, status: str = "done", **more: Any) -> Outcome:
    """An outcome of this attempt."""
    return Outcome(job=job.id, epoch=job.epoch, status=status, **more)


def report(job: Granted, letter: str = "b") -> ChangeReport:
    """A change that this attempt proposes."""
    return ChangeReport(branch=f"paddock/{job.id}", base="a" * 40, head=letter * 40, tree="c" * 40)
