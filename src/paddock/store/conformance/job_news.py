"""What becomes of jobs is read from the journal: every move once, in order, from any position."""

from paddock.core.errors import Stale
from paddock.core.states import JobState
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, TTL, Bench, Check, done
from paddock.store.job_news import STEP, JobMoved
from paddock.store.stating import Lease, Place


async def _all(store: Store, most: int, after: int = 0, place: Place | None = None) -> list[JobMoved]:
    found: list[JobMoved] = []
    while True:
        moves = await store.job_moves(after, most, place)
        found += moves.found
        assert len(moves.found) <= most
        if moves.upto == after:
            return found
        after = moves.upto


async def tells_every_move_of_every_job(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = await bench.submit(
        {"id": "a", "requires": ["gpu"]},
        {"id": "b", "depends_on": ["a"]},
        {"id": "c", "kind": "command", "payload": {"argv": ["true"]}},
    )
    first = (await bench.beat(who, 1, lanes=("p|noop|gpu",))).granted[0]
    await bench.beat(who, 0, done(first))
    second = (await bench.beat(who, 2)).granted
    assert len(second) == 2
    await bench.beat(who, 0, *(done(job) for job in second))
    told = [(move.name, move.state) for move in await _all(store, 100)]
    begin = [("a", JobState.READY), ("b", JobState.BLOCKED), ("c", JobState.READY)]
    assert told[:6] == [*begin, ("a", JobState.LEASED), ("a", JobState.DONE), ("b", JobState.READY)]
    assert sorted(told[6:]) == [(name, state) for name in "bc" for state in (JobState.DONE, JobState.LEASED)]
    [a, *_] = await _all(store, 100)
    assert (a.job, a.project, a.kind, a.requires, a.batch, a.at) == (ids["a"], "p", "noop", ("gpu",), ids[""], NOW)
    whole = await _all(store, 100)
    positions = [move.position for move in whole]
    assert positions == sorted(set(positions)) and positions[1] == positions[0] + 1
    for most in (1, 2, 3):
        assert await _all(store, most) == whole
    for at, move in enumerate(whole):
        assert await _all(store, 2, move.position) == whole[at + 1 :]
    assert await store.job_moves(await store.last_seq() * STEP + STEP - 1, 9) == (
        [],
        await store.last_seq() * STEP + STEP - 1,
    )


async def tells_what_waits_and_until_when(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = await bench.submit({"id": "now"})
    later = await bench.submit({"id": "x"}, {"id": "y"}, opens_batch=ids[""], opens_done=1)
    moves = await _all(store, 100)
    assert [(move.name, move.state) for move in moves[1:]] == [("x", JobState.BLOCKED), ("y", JobState.BLOCKED)]
    job = (await bench.beat(who, 1)).granted[0]
    await bench.beat(who, 0, done(job, "failed", code="odd"))
    back = (await _all(store, 100))[-1]
    assert (back.state, back.data["code"], back.data["not_before"] > NOW) == (JobState.READY, "odd", True)
    await store.cancel(later["x"], NOW)
    assert [move.state for move in (await _all(store, 100))[-1:]] == [JobState.CANCELLED]


async def tells_an_attempt_of_its_project_alone(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    await bench.project("other")
    who = await bench.agent("a")
    await bench.submit({"id": "mine"})
    await bench.submit({"id": "theirs"}, project="other")
    job = (await bench.beat(who, 1)).granted[0]
    place = Place(space="project", lease=Lease(job=job.id, epoch=1, session=who[1], agent=who[0]))
    assert [move.name for move in await _all(store, 1, place=place)] == ["mine", "mine"]
    await store.expire(NOW + TTL + 1)
    try:
        await store.job_moves(0, 9, place)
        raise AssertionError("an attempt that was lost went on")
    except Stale:
        pass


CHECKS: tuple[Check, ...] = (
    tells_every_move_of_every_job,
    tells_what_waits_and_until_when,
    tells_an_attempt_of_its_project_alone,
)
