"""Fairness and limits: keys that jobs share, pauses, limits and shares."""

import asyncio

import msgspec

from paddock.core.errors import Conflict, NotFound
from paddock.core.limits import NEVER, Limit
from paddock.core.states import JobState
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, Bench, Check, done
from paddock.store.records import Granted, JobFilter, Many
from paddock.wire.messages import Held


def held(*granted: Granted) -> tuple[Held, ...]:
    """What an agent says that holds these leases."""
    return tuple(Held(job=job.id, epoch=job.epoch) for job in granted)


async def keeps_one_open_job_of_a_unique_key(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    first = await bench.submit({"id": "x", "unique": "nightly"})
    twin = await bench.submit({"id": "y", "unique": "nightly"}, {"id": "z", "depends_on": ["y"]})
    assert twin["y"] == first["x"]
    assert [job.name for job in await store.jobs(JobFilter(batch=twin[""]))] == ["z"]
    assert [job.id for job in await store.needs(twin["z"])] == [first["x"]]
    await bench.run(who)
    assert (await store.job(twin["z"])).state is JobState.READY
    again = await bench.submit({"id": "x", "unique": "nightly"})
    assert again["x"] != first["x"], "a key is free once its job has ended"
    await store.cancel(again["x"], NOW)
    third = await bench.submit({"id": "x", "unique": "nightly"})
    try:
        await store.retry(again["x"], NOW)
        raise AssertionError("two open jobs have one unique key")
    except Conflict:
        assert (await store.job(third["x"])).state is JobState.READY


async def runs_one_job_of_an_exclusive_key(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit(*({"id": f"x{at}", "exclusive": "merge:p"} for at in range(3)), {"id": "free", "priority": 1})
    out = await bench.beat(who, 9)
    assert {job.name for job in out.granted} == {"x0", "free"}
    assert (await store.job(out.granted[0].id)).exclusive == "job:p:merge:p", "no collision with the merge queue's key"
    assert (await bench.beat(who, 9, held=held(*out.granted))).granted == ()
    assert (await store.lanes(NOW)).get("p|noop|", (0, None)) == (0, None)


async def starts_nothing_before_its_time(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    later = 2_000_000_000_000
    await bench.submit({"id": "later", "not_before": later}, {"id": "now"})
    first = (await bench.beat(who, 9)).granted
    assert [job.name for job in first] == ["now"]
    assert await store.lanes(NOW) == {"p|noop|": (0, later)}
    second = (await bench.beat(who, 9, now=later, held=held(*first))).granted
    assert [job.name for job in second] == ["later"]


async def starts_nothing_of_a_paused_project(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit({"id": "runs"}, {"id": "waits"})
    runs = (await bench.beat(who, 1)).granted
    paused = await store.pause("p", "me", "audit", NOW + 100, NOW)
    assert (paused.paused_by, paused.pause_note, paused.paused_until) == ("me", "audit", NOW + 100)
    await bench.submit({"id": "more"})
    assert (await bench.beat(who, 9, held=held(*runs))).granted == ()
    assert await store.lanes(NOW) == {"p|noop|": (0, NOW + 100)}
    out = await bench.beat(who, 0, done(runs[0]))
    assert out.acks[0][2] == "", "what runs goes on and ends"
    assert len((await bench.beat(who, 1, now=NOW + 100)).granted) == 1, "a pause ends by itself"
    await bench.beat(who, 0)
    await store.pause("p", "me", "", NEVER, NOW)
    assert await store.lanes(NOW) == {"p|noop|": (0, NEVER)}
    resumed = await store.resume("p", "you", NOW)
    assert (resumed.paused_until, resumed.pause_note) == (0, "")
    assert len((await bench.beat(who, 9)).granted) == 2
    told = [event.type for event in await store.journal(0, None, 99) if event.type.startswith("project.")]
    assert told == ["project.added", "project.paused", "project.paused", "project.resumed"]
    try:
        await store.pause("unknown", "me", "", NEVER, NOW)
        raise AssertionError("an unknown project was paused")
    except NotFound:
        pass


async def does_the_same_to_many_jobs(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    jobs = [{"id": f"x{at}", "labels": ["odd_one" if at % 2 else "even"]} for at in range(6)]
    ids = await bench.submit(*jobs, {"id": "first"}, {"id": "after", "depends_on": ["first"]})
    waiting = (JobState.BLOCKED, JobState.READY)
    wanted = Many(states=waiting, project="p", before=NOW, upto="j~", most=99)
    assert len(await store.many(wanted)) == 8
    odd = await store.many(msgspec.structs.replace(wanted, label="odd_one"))
    assert odd == [ids["x1"], ids["x3"], ids["x5"]]
    assert await store.many(msgspec.structs.replace(wanted, label="odd%")) == []
    assert await store.many(msgspec.structs.replace(wanted, upto=ids["x1"])) == [ids["x0"], ids["x1"]]
    assert await store.many(msgspec.structs.replace(wanted, before=NOW - 1)) == []
    assert (await store.jobs(JobFilter(label="even")))[0].id == ids["x4"]
    assert (await store.act_on("park", odd, "me", 0, NOW)).done == 3
    assert (await store.act_on("park", odd, "me", 0, NOW)).done == 0, "what is parked already is left out"
    parked = await store.job(odd[0])
    assert (parked.state, parked.reason) == (JobState.PARKED, "parked by me")
    assert (await store.act_on("priority", [ids["after"]], "me", 9, NOW)).done == 1
    assert ((await store.job(ids["first"])).urgency, (await store.job(ids["first"])).priority) == (9, 5)
    (runs,) = (await bench.beat(who, 1)).granted
    assert runs.id == ids["first"], "a job is as urgent as what waits for it"
    done_now = await store.act_on("cancel", [ids["first"], *odd], "me", 0, NOW)
    assert (done_now.done, done_now.agents) == (4, (who[0],))
    assert (await store.act_on("retry", odd, "me", 0, NOW)).done == 3
    assert (await store.job(odd[0])).state is JobState.READY


class Hands:
    """An agent that remembers what it holds."""

    def __init__(self, bench: Bench, who: tuple[str, str]) -> None:
        self.bench = bench
        self.who = who
        self.held: list[Granted] = []

    async def claim(self, want: int, *lanes: str, now: int = NOW) -> list[str]:
        """The names of what it was granted."""
        more = {"lanes": lanes} if lanes else {}
        out = await self.bench.beat(self.who, want, held=held(*self.held), now=now, ttl=10**9, **more)
        self.held += out.granted
        return [job.name for job in out.granted]

    async def finish(self, count: int = 1, now: int = NOW, **more: str) -> bool:
        """Ends the first leases well; whether something became ready for others."""
        ending, self.held = self.held[:count], self.held[count:]
        outcomes = [done(job, **more) for job in ending]
        return (await self.bench.beat(self.who, 0, *outcomes, held=held(*self.held), now=now, ttl=10**9)).readied


async def hands(bench: Bench, count: int) -> list[Hands]:
    return [Hands(bench, await bench.agent(f"a{at}")) for at in range(count)]


GPU, FREE = "p|noop||gpu", "p|noop|"


async def never_exceeds_a_limit_on_leases(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    agents = await hands(bench, 5)
    await store.set_limit(Limit(key="gpu", most=2), NOW)
    await bench.submit(*({"id": f"g{at}", "limits": ["gpu"], "priority": 9} for at in range(6)), {"id": "free"})
    granted = await asyncio.gather(*(one.claim(3, GPU, FREE) for one in agents))
    assert sorted(name for names in granted for name in names) == ["free", "g0", "g1"], "a full limit stalls no other"
    assert await store.lanes(NOW) == {GPU: (0, None)}
    (level,) = await store.levels(NOW)
    assert (level.limit.name, level.live, level.room) == ("gpu", 2, 0)
    holder = next(one for one in agents if one.held and one.held[0].name == "g0")
    assert await holder.finish(), "whoever waits for the slot hears of it"
    assert await store.lanes(NOW) == {GPU: (1, None)}
    assert len(await agents[4].claim(3, GPU)) == 1
    # An agent that dies gives its slots back with its leases.
    assert len(await store.expire(NOW + 2 * 10**9)) == len([one for one in agents for _ in one.held])
    for one in agents:
        one.held = []
    assert len(await agents[0].claim(9, GPU, now=NOW + 2 * 10**9)) == 2
    await store.set_limit(Limit(key="gpu", most=3), NOW)
    assert len(await agents[0].claim(9, GPU, now=NOW + 2 * 10**9)) == 1
    await store.remove_limit("gpu", NOW)
    assert len(await agents[0].claim(9, GPU, now=NOW + 2 * 10**9)) == 2


async def holds_each_job_to_every_limit_about_it(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    (one,) = await hands(bench, 1)
    for limit in (
        Limit(project="p", most=4),
        Limit(project="p", kind="noop", most=3),
        Limit(capability="linux", most=1),
        Limit(key="k", capability="linux", most=0),
        Limit(kind="command", most=9),
    ):
        await store.set_limit(limit, NOW)
    names = {level.limit.name for level in await store.levels(NOW)}
    assert names == {"project=p", "project=p,kind=noop", "capability=linux", "key=k,capability=linux", "kind=command"}
    await bench.submit(
        {"id": "none", "requires": ["linux"], "limits": ["k"], "priority": 10},
        *({"id": f"l{at}", "requires": ["linux"], "priority": 9} for at in range(2)),
        *({"id": f"n{at}", "priority": 8} for at in range(3)),
        *({"id": f"c{at}", "kind": "command", "payload": {"argv": ["true"]}} for at in range(2)),
    )
    lanes = ("p|noop|linux|k", "p|noop|linux", "p|noop|", "p|command|")
    assert await one.claim(9, *lanes) == ["l0", "n0", "n1", "c0"]
    assert set(await store.lanes(NOW)) == set(lanes)
    assert {jobs for jobs, _ in (await store.lanes(NOW)).values()} == {0}


async def never_exceeds_a_limit_on_starts(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    agents = await hands(bench, 3)
    await store.set_limit(Limit(key="gpu", starts=3, window_ms=1_000), NOW)
    await bench.submit(*({"id": f"g{at}", "limits": ["gpu"]} for at in range(9)))
    assert await agents[0].claim(2, GPU, now=NOW) == ["g0", "g1"]
    await agents[0].finish(2, now=NOW)
    assert [await one.claim(2, GPU, now=NOW + 600) for one in agents] == [["g2"], [], []], "ended or not, they began"
    assert await store.lanes(NOW + 600) == {GPU: (0, NOW + 1_000)}
    assert await agents[1].claim(9, GPU, now=NOW + 999) == []
    assert await agents[1].claim(9, GPU, now=NOW + 1_000) == ["g3", "g4"], "the window slides"
    assert await store.lanes(NOW + 1_000) == {GPU: (0, NOW + 1_600)}
    assert await agents[2].claim(9, GPU, now=NOW + 1_600) == ["g5"]
    (level,) = await store.levels(NOW + 1_600)
    assert (level.started, level.live, level.oldest) == (3, 4, NOW + 1_000)


async def shares_leases_between_projects(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    for name in ("q", "r"):
        await bench.project(name)
    (one,) = await hands(bench, 1)
    lanes = ("p|noop|", "q|noop|", "r|noop|")
    await bench.submit(*({"id": f"p{at}", "priority": 9} for at in range(30)))
    assert await one.claim(6, *lanes) == [f"p{at}" for at in range(6)], "alone, a project has it all"
    await bench.submit(*({"id": f"q{at}"} for at in range(30)), project="q")
    assert await one.claim(6, *lanes) == [f"q{at}" for at in range(6)], "whoever has less comes first"
    assert sorted(name[0] for name in await one.claim(6, *lanes)) == ["p", "p", "p", "q", "q", "q"]
    await store.weigh("q", 3, NOW)
    assert sorted(name[0] for name in await one.claim(6, *lanes)) == ["q"] * 6
    assert await store.leases_by_project() == {"p": 9, "q": 15}
    await store.weigh("r", 0, NOW)
    await bench.submit({"id": "r0", "priority": 10}, project="r")
    assert "r0" not in await one.claim(6, *lanes), "a project without weight gets what others leave"
    for name in ("p", "q"):
        await store.weigh(name, 0, NOW)
    granted = await one.claim(3, *lanes)
    assert granted[0] == "r0" and {name[0] for name in granted[1:]} == {"p"}, "without weights urgency decides"


async def starves_no_project(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    await bench.project("q")
    (one,) = await hands(bench, 1)
    await bench.submit(*({"id": f"p{at}", "priority": 9} for at in range(10_000)))
    for _ in range(3):
        await one.claim(1, "p|noop|", "q|noop|")
    await bench.submit(*({"id": f"q{at}"} for at in range(10)), project="q")
    granted = [name for _ in range(4) for name in await one.claim(1, "p|noop|", "q|noop|")]
    assert sum(name.startswith("q") for name in granted) >= 3
    # With a single slot nobody has leases when it is free: then the lot decides, and it knows no priority.
    while one.held:
        await one.finish()
    turns: list[str] = []
    while len(turns) < 200 and not {"q9", "q8"} & set(turns):
        turns += await one.claim(1, "p|noop|", "q|noop|")
        await one.finish()
    assert any(name.startswith("q") for name in turns)


CHECKS: tuple[Check, ...] = (
    keeps_one_open_job_of_a_unique_key,
    runs_one_job_of_an_exclusive_key,
    starts_nothing_before_its_time,
    starts_nothing_of_a_paused_project,
    does_the_same_to_many_jobs,
    never_exceeds_a_limit_on_leases,
    holds_each_job_to_every_limit_about_it,
    never_exceeds_a_limit_on_starts,
    shares_leases_between_projects,
    starves_no_project,
)
