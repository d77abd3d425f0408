"""The loop of reviews and fixes ends whatever its fixers do, and merges nothing that is not mended."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from paddock.core.findings import FindingState
from paddock.core.states import AttemptState, ChangeState, JobState
from paddock.store.conformance.bench import LANES, NOW, done, report
from paddock.store.conformance.reviews import BAD, WAYS, Reviewed
from paddock.store.records import Change, Granted
from paddock.store.reviews import FindingFilter
from paddock.store.sqlite.driver import SqliteStore

KINDS = ("unused", "secret", "injection", "race", "overflow", "typo")


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[SqliteStore]:
    """A store of its own."""
    store = await SqliteStore.open(folder / "store.db")
    try:
        yield store
    finally:
        await store.close()


class Mill(Reviewed):
    """Runs reviews and fixes until none is left. `defects` are those of each change by now, `fixer` mends them."""

    def __init__(self, store: SqliteStore, fixer: Callable[[list[str]], tuple[list[str], bool]]) -> None:
        super().__init__(store)
        self.defects: dict[str, list[str]] = {}
        self.fixer = fixer
        self.ran: dict[str, int] = {}
        self.heads = 0

    async def grind(self, most: int = 1_000) -> None:
        """Raises: AssertionError when there is still work after so many jobs."""
        for _ in range(most):
            granted = (await self.beat(self.r, 1, lanes=(*LANES, *WAYS))).granted
            if not granted:
                return
            await self._run(granted[0])
        raise AssertionError("the loop does not end")

    async def _run(self, job: Granted) -> None:
        self.ran[job.kind] = self.ran.get(job.kind, 0) + 1
        payload = msgspec.json.decode(job.payload)
        change = await self.store.change(payload["change"])
        result = self._review(change) if job.kind == "review.run" else self._fix(job, change)
        if job.kind == "change.merge":
            assert not self.defects[change.id], "a change was merged that is not mended"
            result = {"merged": "f" * 40}
        await self.beat(self.r, 0, done(job, result=result))

    def _review(self, change: Change) -> dict[str, object]:
        found = [{**BAD, "rule": what.partition(" ")[0], "context": what} for what in self.defects[change.id]]
        return {"commit": change.head, "reviewers": [{"name": "lens", "ran": True}], "findings": found}

    def _fix(self, job: Granted, change: Change) -> dict[str, object]:
        self.defects[change.id], wrote = self.fixer(self.defects[change.id])
        if not wrote:
            return {}
        self.heads += 1
        made = report(job)
        return {"report": {"branch": "b", "base": made.base, "head": f"{self.heads:040x}", "tree": made.tree}}


async def test_thirty_planted_defects_are_mended_or_listed(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        dice = random.Random(7)

        def mend(defects: list[str]) -> tuple[list[str], bool]:
            if dice.random() < 0.15:  # it says that it is done, and did nothing
                return defects, dice.random() < 0.5
            return [one for one in defects if dice.random() >= 0.8], True

        mill = Mill(store, mend)
        first = await mill.begin()
        jobs = [{"id": f"x{n}", "kind": "command", "payload": {"argv": ["true"]}} for n in range(9)]
        await mill.submit(*jobs)
        granted = (await mill.beat(mill.w, 9)).granted
        await mill.beat(mill.w, 0, *(done(job, change=report(job)) for job in granted))
        changes = [one.id for one in await store.changes(None, None, 99)]
        assert first in changes and len(changes) == 10
        for n, change in enumerate(changes):
            mill.defects[change] = [f"{KINDS[(3 * n + k) % 6]} {n}-{k}" for k in range(3)]
        await mill.grind()
        for change in changes:
            await store.decide(change, "ann", "approve", "", NOW)
        await mill.grind()
        ends = {change: (await store.change(change)).state for change in changes}
        listed = await store.findings_listed(FindingFilter(project="p"))
        left = [what for found in mill.defects.values() for what in found]
        assert len(listed) == 30
        assert sum(one.state is FindingState.OPEN for one in listed) == len(left)
        merged = [change for change, state in ends.items() if state is ChangeState.MERGED]
        assert all(not mill.defects[change] for change in merged)
        for change in merged:
            assert [said.by for said in await store.decisions(change)] == ["ann"]
        for change in set(changes) - set(merged):
            assert ends[change] is ChangeState.OPEN and "open (" in (await store.verdict(change)).reasons[0]
        rounds = [len((await store.review(change)).rounds) for change in changes]
        assert max(rounds) <= 3 and mill.ran["change.fix"] == sum(rounds)
        print(f"{30 - len(left)} of 30 mended by {mill.ran['change.fix']} fixes and {mill.ran['review.run']} reviews")


def _nothing(defects: list[str]) -> tuple[list[str], bool]:
    return defects, False


def _varied(defects: list[str]) -> tuple[list[str], bool]:
    return defects, True


def _ping_pong(defects: list[str]) -> tuple[list[str], bool]:
    return (["race b"] if defects == ["race a"] else ["race a"]), True


@pytest.mark.parametrize(
    ("shape", "why", "fixes"),
    [(_nothing, "stagnation", 2), (_varied, "stagnation", 2), (_ping_pong, "rounds", 3)],
    ids=["success without a deliverable", "a diff that varies", "ping-pong"],
)
async def test_a_runaway_ends_at_a_bounded_cost(
    tmp_path: Path, shape: Callable[[list[str]], tuple[list[str], bool]], why: str, fixes: int
) -> None:
    async with opened(tmp_path) as store:
        mill = Mill(store, shape)
        change = await mill.begin()
        mill.defects[change] = ["race a"]
        await mill.grind()
        stands = await store.review(change)
        assert (stands.stop.partition(":")[0], mill.ran["change.fix"]) == (why, fixes)
        # A person's word for one finding does not set it going again.
        for one in stands.findings:
            if one.state is FindingState.OPEN:
                await store.judge_finding(one.id, FindingState.DISMISSED, "ann", "", NOW)
                await store.judge_finding(one.id, FindingState.OPEN, "ann", "", NOW)
        await mill.grind()
        assert mill.ran["change.fix"] == fixes


async def test_a_gate_that_stays_red_uses_up_the_jobs_tries_and_no_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        mill = Mill(store, _nothing)
        await mill.project("q", checks=(("false",),))
        await mill.project()
        mill.w = await mill.agent("w")
        ids = await mill.submit(
            {"id": "x", "kind": "command", "payload": {"argv": ["true"]}, "max_attempts": 3}, project="q"
        )
        lanes = ("q|command|", "q|test.run|")
        for _ in range(50):
            granted = (await mill.beat(mill.w, 1, lanes=lanes)).granted
            if not granted:
                break
            [job] = granted
            red = {
                "green": False,
                "commit": "b" * 40,
                "tree": "c" * 40,
                "checks": [{"argv": ["false"], "exit_code": 1}],
            }
            more = {"change": report(job)} if job.kind == "command" else {"result": red}
            await mill.beat(mill.w, 0, done(job, **more))
        assert (await store.job(ids["x"])).state is JobState.FAILED
        assert [one.state for one in await store.attempts(ids["x"])] == [AttemptState.DONE] * 3
