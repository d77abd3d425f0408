"""Reviews: a ledger that knows findings again, rounds of mending that end, heads that move under a fence."""

from collections.abc import Mapping
from typing import Any

from paddock.core.errors import Conflict, NotFound, Refused
from paddock.core.findings import FindingState
from paddock.core.limits import Limit
from paddock.core.reviewing import Rules, parse
from paddock.core.states import ChangeState, JobState
from paddock.store.base import Store
from paddock.store.conformance.bench import LANES, NOW, Bench, Check, done, report
from paddock.store.records import Granted
from paddock.store.reviews import FindingFilter

WAYS = ("p|review.run|", "p|change.fix|", "p|change.fix|python")
FIXER = {"argv": ["mend", "{findings}"]}
BAD = {"reviewer": "lens", "rule": "bad", "path": "a.py", "line": 3, "severity": "high", "context": "x = 1"}


class Reviewed(Bench):
    """A bench whose project has its changes reviewed, with one change by agent `w` and a reviewing agent `r`."""

    async def begin(self, budget: Mapping[str, Any] | None = None, **rules: Any) -> str:
        """Opens the change; returns its id."""
        await self.project()
        self.w, self.r = await self.agent("w"), await self.agent("r")
        await self.store.set_review_rules("p", _rules(**rules), "ann", NOW)
        more = {"budget": budget} if budget else {}
        ids = await self.submit({"id": "x", "kind": "command", "payload": {"argv": ["true"]}, **more})
        author = (await self.beat(self.w, 1)).granted[0]
        await self.beat(self.w, 0, done(author, change=report(author)))
        return (await self.store.change(ids["x"])).id

    async def next(self, kind: str) -> Granted:
        """The one job there is to take, which must be of this kind."""
        granted = (await self.beat(self.r, 5, lanes=(*LANES, *WAYS))).granted
        assert [job.kind for job in granted] == [kind], [job.kind for job in granted]
        return granted[0]

    async def look(self, change: str, *findings: dict[str, Any], **more: Any) -> None:
        """Runs the review that is due; it finds these."""
        job = await self.next("review.run")
        head = (await self.store.change(change)).head
        told = {"commit": head, "reviewers": [{"name": "lens", "ran": True}], "findings": list(findings), **more}
        assert (await self.beat(self.r, 0, done(job, result=told))).acks[0][2] == ""

    async def mend(self, letter: str) -> Granted:
        """Runs the fix that is due; without a letter it changes nothing."""
        job = await self.next("change.fix")
        made = report(job, letter) if letter else None
        result = {"report": {"branch": "b", "base": made.base, "head": made.head, "tree": made.tree}} if made else {}
        assert (await self.beat(self.r, 0, done(job, result=result))).acks[0][2] == ""
        return job


def _rules(**rules: Any) -> Rules:
    return parse({"tools": [{"name": "lens", "argv": ["lens"]}], "fixers": [FIXER], **rules})


async def _reasons(store: Store, change: str) -> tuple[str, ...]:
    return (await store.verdict(change)).reasons


async def mends_what_a_review_found_and_looks_again(store: Store) -> None:
    bench = Reviewed(store)
    change = await bench.begin()
    assert await _reasons(store, change) == ("the review of bbbbbbbbbbbb has not ended", "no person has approved it")
    await bench.look(change, BAD)
    [found] = await store.findings_listed(FindingFilter(change=change))
    assert (found.state, found.filed, found.times, found.name) == (FindingState.OPEN, 1, 1, "lens/bad")
    assert (await _reasons(store, change))[0] == "1 finding is open and being fixed"
    await store.decide(change, "ann", "approve", "", NOW)
    fix = await bench.mend("e")
    moved = await store.change(change)
    assert (moved.head, moved.authors, moved.diff_of) == ("e" * 40, (bench.w[0], bench.r[0]), (fix.id, fix.epoch))
    # What was approved was another head.
    assert (await store.verdict(change)).approved_by == ()
    await bench.look(change, {**BAD, "line": 9, "rule": "new", "severity": "low"})
    stands = await store.review(change)
    assert (stands.stop, stands.blocking, [r.fixed for r in stands.rounds]) == ("clean", 0, [1])
    states = {one.rule: one.state for one in stands.findings}
    assert states == {"bad": FindingState.FIXED, "new": FindingState.OPEN}
    await store.decide(change, "ann", "approve", "", NOW + 1)
    assert (await store.change(change)).state is ChangeState.APPROVED


async def ends_when_rounds_fix_nothing(store: Store) -> None:
    bench = Reviewed(store)
    change = await bench.begin(rounds=9)
    await bench.look(change, BAD, {**BAD, "rule": "other"})
    await bench.mend("")
    await bench.mend("")
    assert "stagnation" in (await store.review(change)).stop
    assert [job.state for job in await store.serving(change)] == [JobState.DONE] * 3
    await store.decide(change, "ann", "approve", "", NOW)
    assert "2 findings are open (stagnation" in (await _reasons(store, change))[0]
    assert (await store.change(change)).state is ChangeState.OPEN


async def ends_after_its_rounds_though_each_mends_something(store: Store) -> None:
    bench = Reviewed(store)
    change = await bench.begin(rounds=2)
    await bench.look(change, BAD)
    for letter, rule in (("d", "one"), ("e", "two")):
        await bench.mend(letter)
        await bench.look(change, {**BAD, "rule": rule})
    stands = await store.review(change)
    assert stands.stop.startswith("rounds") and [r.fixed for r in stands.rounds] == [1, 1]
    assert (await bench.beat(bench.r, 5, lanes=(*LANES, *WAYS))).granted == ()


async def caps_what_fixers_get(store: Store) -> None:
    bench = Reviewed(store)
    change = await bench.begin(per_round=2, in_all=3, rounds=9)
    bad = [{**BAD, "rule": f"r{number}"} for number in range(5)]
    await bench.look(change, *bad)
    await bench.mend("d")
    await bench.look(change, *bad[1:])
    await bench.mend("e")
    await bench.look(change, *bad[2:])
    stands = await store.review(change)
    assert [r.filed for r in stands.rounds] == [2, 1] and stands.stop.startswith("findings")


async def sends_findings_to_whom_they_concern(store: Store) -> None:
    bench = Reviewed(store)
    narrow = {"argv": ["narrow"], "findings": ["lens/py-*"], "requires": ["python"]}
    change = await bench.begin(fixers=[narrow, FIXER])
    await bench.look(change, BAD, {**BAD, "rule": "py-1"})
    first = await bench.mend("d")
    assert first.lane.endswith("|python") and '"py-1"' in first.payload and '"bad"' not in first.payload
    second = await bench.mend("e")
    assert second.lane == "p|change.fix|" and '"bad"' in second.payload and "d" * 40 in second.payload
    await bench.look(change)
    assert (await store.review(change)).stop == "clean"


async def hears_people_on_findings(store: Store) -> None:
    bench = Reviewed(store)
    change = await bench.begin(fixers=[])
    await bench.look(change, BAD)
    [found] = await store.findings_listed(FindingFilter(project="p", state=FindingState.OPEN))
    await store.decide(change, "ann", "approve", "", NOW)
    assert (await _reasons(store, change))[0] == "1 finding is open (fixers: none takes what is left)"
    await store.judge_finding(found.id, FindingState.DISMISSED, "ann", "on purpose", NOW)
    try:
        await store.judge_finding(found.id, FindingState.DISMISSED, "bob", "", NOW)
        raise AssertionError("a finding was dismissed twice")
    except Conflict:
        pass
    assert (await store.finding(found.id[:12])).by == "ann"
    assert (await store.change(change)).state is ChangeState.APPROVED
    try:
        await store.finding("f-none")
        raise AssertionError("a finding that is not there was found")
    except NotFound:
        pass


async def takes_no_late_fix_and_no_authors_word(store: Store) -> None:
    bench = Reviewed(store)
    change = await bench.begin(humans=2, owners=[{"paths": ["**"], "people": ["zoe"]}])
    for name in ("n", bench.w[0]):
        try:
            await store.decide(change, name, "approve", "", NOW)
            raise AssertionError("an agent approved what it wrote")
        except Refused:
            pass
    await bench.look(change, BAD)
    job = await bench.next("change.fix")
    await store.decide(change, "ann", "reject", "", NOW)
    made = report(job, "e")
    result = {"report": {"branch": "b", "base": made.base, "head": made.head, "tree": made.tree}}
    await bench.beat(bench.r, 0, done(job, result=result))
    found = await store.change(change)
    assert (found.head, found.state) == ("b" * 40, ChangeState.REJECTED)
    stands = await store.review(change)
    assert (stands.stop, stands.blocking) == ("closed: the change is rejected", 1)
    assert "the change is rejected" in await _reasons(store, change)
    assert not any("being fixed" in reason for reason in await _reasons(store, change))


async def keeps_a_review_that_told_too_little_from_passing(store: Store) -> None:
    bench = Reviewed(store)
    change = await bench.begin(humans=0)
    await bench.look(change, {"nonsense": 1}, reviewers=[{"name": "lens", "ran": False, "detail": "no such program"}])
    assert await _reasons(store, change) == (
        "the reviewer lens did not run",
        "the review told only some of its findings, 1 more are not listed",
    )
    assert (await store.review(change)).stop == "unreviewed: lens did not run"


async def slows_while_changes_wait_and_leaves_other_limits_alone(store: Store) -> None:
    bench = Reviewed(store)
    change = await bench.begin(tools=[], fixers=[], slow_after=60, slow_to=2)
    assert await store.keep_pace(NOW + 60_000) == 0
    assert await store.keep_pace(NOW + 60_001) == 1
    assert await store.keep_pace(NOW + 90_000) == 0
    [level] = await store.levels(NOW)
    assert (level.name, level.limit.most) == ("project=p,kind=command", 2)
    await store.decide(change, "ann", "reject", "", NOW)
    assert await store.keep_pace(NOW + 90_000) == 1
    assert await store.levels(NOW) == []
    await bench.submit({"id": "y", "kind": "command", "payload": {"argv": ["true"]}})
    author = (await bench.beat(bench.w, 1)).granted[0]
    await bench.beat(bench.w, 0, done(author, change=report(author)))
    await store.set_limit(Limit(project="p", kind="command", most=7), NOW)
    assert await store.keep_pace(NOW + 60_001) == 1
    await store.set_review_rules("p", Rules(), "ann", NOW)
    assert await store.keep_pace(NOW + 60_001) == 1
    assert [one.limit.most for one in await store.levels(NOW)] == [7]


async def merges_what_was_sent_back_before_what_came_later(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    jobs = [{"id": name, "kind": "command", "payload": {"argv": ["true"]}} for name in ("x", "y", "z")]
    ids = await bench.submit(*jobs)
    authors = (await bench.beat(who, 3)).granted
    await bench.beat(who, 0, *(done(author, change=report(author)) for author in authors))
    for author in authors:
        await store.decide((await store.change(author.id)).id, "ann", "approve", "", NOW)
    assert [one.name for one in await store.merge_queue("p")] == ["x", "y", "z"]
    await bench.run(who, status="failed", code="conflict", result={"paths": ["f"]})
    again = (await bench.beat(who, 1, lanes=("p|command|",))).granted[0]
    await bench.beat(who, 0, done(again, change=report(again, "e")))
    await store.decide((await store.change(ids["x"])).id, "ann", "approve", "", NOW)
    assert [one.name for one in await store.merge_queue("p")] == ["x", "y", "z"]
    assert [job.name for job in (await bench.beat(who, 1)).granted] == ["merge-x"]
    assert [one.running for one in await store.merge_queue("p")] == [True, False, False]


CHECKS: tuple[Check, ...] = (
    slows_while_changes_wait_and_leaves_other_limits_alone,
    merges_what_was_sent_back_before_what_came_later,
    mends_what_a_review_found_and_looks_again,
    ends_when_rounds_fix_nothing,
    ends_after_its_rounds_though_each_mends_something,
    caps_what_fixers_get,
    sends_findings_to_whom_they_concern,
    hears_people_on_findings,
    takes_no_late_fix_and_no_authors_word,
    keeps_a_review_that_told_too_little_from_passing,
)
