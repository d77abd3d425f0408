"""Merges in batches: who comes along, what is told of each, and how the batch grows and shrinks."""

import json
from typing import Any

from paddock.core.reviewing import parse
from paddock.core.states import ChangeState, JobState
from paddock.store.base import Store
from paddock.store.conformance.bench import LANES, NOW, Bench, Check, done, report
from paddock.store.records import Granted
from paddock.wire.messages import Held

_RED = {"checks": [{"argv": ["check"], "exit_code": 1, "green": False}]}


class Queue(Bench):
    """A bench with approved changes that wait to be merged; `changes` are theirs, by the names of their jobs."""

    async def begin(self, *names: str, batch: int = 8, **rules: Any) -> None:
        await self.project()
        self.who = await self.agent("a")
        await self.store.set_review_rules("p", parse({"batch": batch, **rules}), "ann", NOW)
        jobs = [{"id": name, "kind": "command", "payload": {"argv": ["true"]}} for name in names]
        ids = await self.submit(*jobs)
        authors = (await self.beat(self.who, len(names))).granted
        await self.beat(self.who, 0, *(done(author, change=report(author)) for author in authors))
        self.ids = {name: ids[name] for name in names}
        self.changes = {name: (await self.store.change(ids[name])).id for name in names}
        for name in names:
            await self.approve(name)

    async def approve(self, name: str) -> None:
        await self.store.decide(self.changes[name], "ann", "approve", "", NOW)

    async def take(self) -> tuple[Granted, list[str]]:
        """The next merge, and the names of those that come along."""
        [job] = (await self.beat(self.who, 5, lanes=("p|change.merge|",))).granted
        names = {change: name for name, change in self.changes.items()}
        return job, [names[one["change"]] for one in json.loads(job.payload).get("with") or ()]

    async def end(self, job: Granted, *took: str, **result: Any) -> None:
        """The merge ends well for these."""
        told = {"merged": "f" * 40, "took": {self.changes[name]: "f" * 40 for name in took}, **result}
        assert (await self.beat(self.who, 0, done(job, result=told))).acks == ((job.id, job.epoch, ""),)

    async def go_on(self, **result: Any) -> None:
        """Somebody goes on with a change, and ends with this."""
        [job] = (await self.beat(self.who, 5, lanes=("p|change.resolve|",))).granted
        assert (await self.beat(self.who, 0, done(job, result=result))).acks == ((job.id, job.epoch, ""),)

    async def states(self) -> str:
        """The first letter of each change's state, in the order of names."""
        return "".join([(await self.store.change(change)).state[0] for change in self.changes.values()])


async def merges_more_together_while_all_is_green_and_fewer_after_red(store: Store) -> None:
    queue = Queue(store)
    await queue.begin(*"abcdefgh")
    job, along = await queue.take()
    assert along == []
    await queue.end(job, "a")
    job, along = await queue.take()
    assert along == ["c"]
    # Those along are not granted apart from it, and count as merging.
    held = (Held(job=job.id, epoch=job.epoch),)
    assert (await queue.beat(queue.who, 5, lanes=LANES, held=held)).granted == ()
    running = [one.name for one in await store.merge_queue("p") if one.running]
    assert running == ["b", "c"]


async def tells_each_of_a_batch_what_became_of_it(store: Store) -> None:
    queue = Queue(store)
    await queue.begin(*"abcdefgh")
    for names in ("a", "bc"):
        job, _ = await queue.take()
        await queue.end(job, *names)
    assert await queue.states() == "mmmaaaaa"
    job, along = await queue.take()
    assert along == ["e", "f", "g"]
    red = {"red": {"change": queue.changes["f"], **_RED}}
    await queue.end(job, "d", "e", **red)
    assert await queue.states() == "mmmmmraa"
    assert (await store.job(queue.ids["f"])).state is JobState.CHANGES_REQUESTED
    assert (await store.job(queue.ids["e"])).state is JobState.DONE
    # Half of four, and those that were not reached still wait.
    job, along = await queue.take()
    assert (job.name, along) == ("merge-g", ["h"])
    # What an agent says of changes that its order did not name changes nothing.
    other = queue.changes["h"]
    queue.changes["h"] = queue.changes["a"]
    await queue.end(job, "g", red={"change": queue.changes["b"], **_RED})
    queue.changes["h"] = other
    assert await queue.states() == "mmmmmrma"


async def leaves_out_what_is_closed_while_it_is_merged(store: Store) -> None:
    queue = Queue(store)
    await queue.begin(*"abcd")
    job, _ = await queue.take()
    await queue.end(job, "a")
    job, along = await queue.take()
    assert along == ["c"]
    await store.decide(queue.changes["c"], "ann", "reject", "", NOW)
    late = done(job, result={"merged": "f" * 40, "took": {queue.changes[n]: "f" * 40 for n in "bc"}})
    assert (await queue.beat(queue.who, 0, late)).acks[0][2] == "stale_lease"
    assert await queue.states() == "mara"
    again, along = await queue.take()
    assert (again.id, again.epoch, again.attempt, along) == (job.id, job.epoch + 1, 1, ["d"])


async def merges_each_by_itself_unless_the_rules_say_otherwise(store: Store) -> None:
    queue = Queue(store)
    await queue.begin(*"abc", batch=1)
    for name in "abc":
        job, along = await queue.take()
        assert along == []
        await queue.end(job, name)
    assert [(await store.change(one)).state for one in queue.changes.values()] == [ChangeState.MERGED] * 3


async def has_conflicts_resolved_so_often_and_no_more(store: Store) -> None:
    queue = Queue(store)
    await queue.begin("a", resolver={"argv": ["go"], "rounds": 2})
    change = queue.changes["a"]
    job, _ = await queue.take()
    conflict = done(job, "failed", code="conflict", result={"paths": ["f.txt"]})
    await queue.beat(queue.who, 0, conflict)
    assert (await store.change(change)).state is ChangeState.OPEN
    assert (await store.verdict(change)).reasons == ("its conflicts with main are being resolved",)
    await queue.go_on(report={"branch": "b", "base": "d" * 40, "head": "e" * 40, "tree": "c" * 40})
    moved = await store.change(change)
    assert (moved.base, moved.head, (await store.verdict(change)).approved_by) == ("d" * 40, "e" * 40, ())
    await queue.approve("a")
    job, _ = await queue.take()
    await queue.beat(queue.who, 0, done(job, "failed", code="conflict", result={"paths": ["f.txt"]}))
    await queue.go_on()
    # Its two runs are used up, one for each conflict.
    assert ((await store.change(change)).state, (await store.job(queue.ids["a"])).state) == (
        ChangeState.CONFLICTED,
        JobState.CHANGES_REQUESTED,
    )


async def waits_for_what_a_person_asked_for(store: Store) -> None:
    queue = Queue(store)
    await queue.begin("a", "b", resolver={"argv": ["go"], "rounds": 1})
    job, _ = await queue.take()
    await store.decide(queue.changes["a"], "bob", "ask", "a test", NOW)
    await queue.beat(queue.who, 0, done(job, "cancelled"))
    assert (await store.verdict(queue.changes["a"])).reasons[-1] == "bob asks for changes: a test"
    # One run that does nothing; what was asked for stands until he says otherwise.
    await queue.go_on()
    assert (await store.verdict(queue.changes["a"])).reasons == ("bob asks for changes: a test",)
    assert (await queue.take())[0].name == "merge-b"
    await store.decide(queue.changes["a"], "bob", "approve", "", NOW + 1)
    assert [one.name for one in await store.merge_queue("p")] == ["b", "a"]


CHECKS: tuple[Check, ...] = (
    merges_more_together_while_all_is_green_and_fewer_after_red,
    tells_each_of_a_batch_what_became_of_it,
    leaves_out_what_is_closed_while_it_is_merged,
    merges_each_by_itself_unless_the_rules_say_otherwise,
    has_conflicts_resolved_so_often_and_no_more,
    waits_for_what_a_person_asked_for,
)
