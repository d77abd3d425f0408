"""What jobs remember: compare-and-set, fences, expiry, bounds, and large values that are kept once."""

import asyncio
import hashlib

from paddock.core.errors import Conflict, NotFound, PaddockError, Stale
from paddock.core.state import Bounds, Overtaken, PreconditionFailed, StateFull, TooManyUploads, ValueTooLarge
from paddock.store.base import Store
from paddock.store.conformance.bench import NOW, TTL, Bench, Check, done
from paddock.store.records import Granted
from paddock.store.stating import Head, Lease, NewValue, Place

BOUNDS = Bounds(value=1_000, keys=3, owner=100)
MINE = Place(space="job", owner="j1")


async def _put(store: Store, key: str, value: bytes, place: Place = MINE, **more: object) -> Head:
    given = NewValue(value=value, **more)  # type: ignore[arg-type]
    return await store.state_put(place, key, given, BOUNDS, NOW)


async def _refused(kind: type[PaddockError], store: Store, key: str, value: bytes, **more: object) -> PaddockError:
    try:
        await _put(store, key, value, **more)  # type: ignore[arg-type]
    except kind as error:
        return error
    raise AssertionError(f"it was not refused as {kind.__name__}")


def _lease(job: Granted, agent: str, space: str = "job") -> Place:
    return Place(space=space, lease=Lease(job=job.id, epoch=job.epoch, session=job.session, agent=agent))


async def sets_one_of_many_rivals(store: Store) -> None:
    first = await _put(store, "k", b"0", absent=True)
    error = await _refused(PreconditionFailed, store, "k", b"x", absent=True)
    assert isinstance(error, PreconditionFailed) and error.etag == first.revision
    tries = [_put(store, "k", b"%d" % number, match=first.revision) for number in range(10)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, Head) for result in results) == 1
    assert sum(isinstance(result, PreconditionFailed) for result in results) == 9
    await _refused(PreconditionFailed, store, "none", b"x", match="*")
    assert (await _put(store, "k", b"any", match="*")).revision != first.revision
    assert (await store.state_get(MINE, "k", NOW)).value == b"any"


async def never_gives_a_revision_twice(store: Store) -> None:
    first = await _put(store, "k", b"1")
    await store.state_delete(MINE, "k", first.revision, NOW)
    second = await _put(store, "k", b"1")
    assert second.revision != first.revision
    await _refused(PreconditionFailed, store, "k", b"2", match=first.revision)
    try:
        await store.state_delete(MINE, "k", first.revision, NOW)
        raise AssertionError("an old revision deleted a new value")
    except PreconditionFailed:
        pass


async def knows_a_write_that_comes_again(store: Store) -> None:
    first = await _put(store, "k", b"1", absent=True, write_id="w1")
    assert await _put(store, "k", b"1", absent=True, write_id="w1") == first
    second = await _put(store, "k", b"2", match=first.revision, write_id="w2")
    assert await _put(store, "k", b"2", match=first.revision, write_id="w2") == second
    await _refused(PreconditionFailed, store, "k", b"1", absent=True, write_id="w1")


async def forgets_what_expires(store: Store) -> None:
    await _put(store, "k", b"1", ttl=50)
    await _put(store, "stays", b"2")
    assert (await store.state_get(MINE, "k", NOW + 49)).expires == NOW + 50
    assert [head.key for head in await store.state_list(MINE, "", "", 9, NOW + 50)] == ["stays"]
    try:
        await store.state_get(MINE, "k", NOW + 50)
        raise AssertionError("a key outlived its time")
    except NotFound:
        pass
    assert await store.state_sweep(0, NOW + 49) == 0
    assert await store.state_sweep(0, NOW + 50) == 1
    assert (await store.state_usage())["job"] == {"owners": 1, "keys": 1, "bytes": 1}
    again = NewValue(value=b"3", absent=True)
    await store.state_put(MINE, "k", again, BOUNDS, NOW + 60)


async def lists_keys_in_order(store: Store) -> None:
    for key in ("b/2", "a", "b/1", "B"):
        await store.state_put(MINE, key, NewValue(value=b"x"), Bounds(), NOW)
    await _put(store, "b/3", b"x", Place(space="job", owner="j2"))
    assert [head.key for head in await store.state_list(MINE, "", "", 9, NOW)] == ["B", "a", "b/1", "b/2"]
    assert [head.key for head in await store.state_list(MINE, "b/", "", 9, NOW)] == ["b/1", "b/2"]
    assert [head.key for head in await store.state_list(MINE, "", "a", 1, NOW)] == ["b/1"]
    assert [head.key for head in await store.state_list(MINE, "%", "", 9, NOW)] == []


async def holds_its_bounds(store: Store) -> None:
    for key in ("a", "b", "c"):
        await _put(store, key, b"x" * 30, ttl=50 if key == "a" else 0)
    await _refused(StateFull, store, "d", b"x")
    await _refused(StateFull, store, "c", b"x" * 50)
    await _refused(ValueTooLarge, store, "c", b"x" * 1_001)
    await _put(store, "c", b"y" * 40)
    await _put(store, "d", b"x" * 30, Place(space="job", owner="j2"))
    # What has expired makes room before anything is refused.
    await store.state_put(MINE, "d", NewValue(value=b"x" * 30), BOUNDS, NOW + 50)
    assert (await store.state_usage())["job"] == {"owners": 2, "keys": 4, "bytes": 130}
    smaller = BOUNDS._replace(keys=1, owner=10)
    await store.state_put(MINE, "c", NewValue(value=b"less"), smaller, NOW)


async def lets_only_the_holder_of_a_lease_act(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    first, second = await bench.agent("a"), await bench.agent("b")
    await bench.submit({"id": "x"})
    old = (await bench.beat(first, 1)).granted[0]
    for space in ("job", "project", "agent"):
        await _put(store, "k", space.encode(), _lease(old, first[0], space))
    thief = Place(space="job", lease=Lease(job=old.id, epoch=old.epoch, session=old.session, agent=second[0]))
    await _refused(Stale, store, "k", b"x", place=thief)
    await store.expire(NOW + TTL + 1)
    await _refused(Stale, store, "k", b"x", place=_lease(old, first[0]))
    new = (await bench.beat(second, 1)).granted[0]
    for asked in (
        _put(store, "k", b"x", _lease(old, first[0])),
        store.state_get(_lease(old, first[0]), "k", NOW),
        store.state_list(_lease(old, first[0]), "", "", 9, NOW),
        store.state_delete(_lease(old, first[0]), "k", "", NOW),
        store.upload_part(_lease(old, first[0]), "u", 0, b"x", BOUNDS, NOW),
    ):
        try:
            await asked
            raise AssertionError("an attempt that was replaced acted")
        except Stale:
            pass
    assert (await store.state_get(_lease(new, second[0]), "k", NOW)).value == b"job"
    assert (await store.state_get(_lease(new, second[0], "project"), "k", NOW)).value == b"project"
    assert (await store.state_get(Place(space="project", owner="p"), "k", NOW)).value == b"project"
    assert (await store.state_get(Place(space="agent", owner=first[0]), "k", NOW)).value == b"agent"
    try:
        await store.state_get(_lease(new, second[0], "agent"), "k", NOW)
        raise AssertionError("an agent read another's keys")
    except NotFound:
        pass


async def refuses_a_write_that_a_later_one_has_overtaken(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit({"id": "x"})
    job = (await bench.beat(who, 1)).granted[0]

    def turn(seq: int) -> Place:
        return Place(space="job", lease=Lease(job=job.id, epoch=job.epoch, session=job.session, agent=who[0], seq=seq))

    async def overtaken(seq: int) -> None:
        try:
            await _put(store, "k", b"late", turn(seq), write_id=f"w{seq}")
            raise AssertionError("a write that came late was taken")
        except Overtaken:
            pass

    first = await _put(store, "k", b"1", turn(1), write_id="w1")
    assert await _put(store, "k", b"1", turn(1), write_id="w1") == first  # sent again, and not late
    await _put(store, "k", b"2", turn(2), write_id="w2")
    await overtaken(1)
    await store.state_delete(turn(4), "k", "", NOW)
    await overtaken(3)
    try:
        await store.state_delete(turn(3), "k", "", NOW)
        raise AssertionError("a deletion that came late was taken")
    except Overtaken:
        pass
    assert (await _put(store, "k", b"5", turn(0))).size == 1  # an agent of an earlier release
    assert await store.state_sweep(NOW, NOW) == 0
    await overtaken(3)
    await bench.beat(who, 0, done(job))
    assert await store.state_sweep(NOW, NOW) == 0
    again = Lease(job=job.id, epoch=job.epoch, session=job.session, agent=who[0], seq=9)
    try:
        await _put(store, "k", b"late", Place(space="job", lease=again))
        raise AssertionError("an attempt that has ended wrote")
    except Stale:
        pass


async def keeps_a_large_value_once(store: Store) -> None:
    data = b"a" * 60 + b"\0\xff"
    digest = hashlib.sha256(data).hexdigest()
    for upload in ("u1", "u2"):
        assert await store.upload_part(MINE, upload, 0, data[:60], BOUNDS, NOW) == 60
        assert await store.upload_part(MINE, upload, 0, data[:60], BOUNDS, NOW) == 60
        assert await store.upload_part(MINE, upload, 60, data[60:], BOUNDS, NOW) == 62
    await _refused(NotFound, store, "k", b"", digest=digest)
    head = await _put(store, "k", b"", digest=digest, upload="u1")
    blob = await store.blob_seal("u2", digest, NOW)
    assert (head.size, head.digest, blob.upload) == (62, digest, "u1")
    assert await store.upload_read("u1", 0) + await store.upload_read("u1", 60) == data
    assert await store.upload_read("u2", 0) == b""
    assert (await store.state_usage())["large"] == {"blobs": 1, "bytes": 62}
    other = Place(space="job", owner="j2")
    assert (await _put(store, "k", b"", other, digest=digest)).size == 62
    await store.state_delete(MINE, "k", "", NOW + 10)
    assert await store.state_sweep(NOW + 100, NOW + 100) == 0
    await store.state_delete(other, "k", "", NOW + 50)
    assert await store.state_sweep(NOW + 50, NOW + 100) == 0  # let go of too short a while ago
    assert await store.state_sweep(NOW + 51, NOW + 100) == 1
    assert await store.upload_read("u1", 0) == b""
    assert (await store.state_usage())["large"] == {"blobs": 0, "bytes": 0}


async def bounds_uploads(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    await bench.submit({"id": "x"})
    place = _lease((await bench.beat(who, 1)).granted[0], who[0])
    for number in range(4):
        await store.upload_part(place, f"u{number}", 0, b"x" * 10, BOUNDS, NOW)
    for upload, start, size, kind in (
        ("u9", 0, 1, TooManyUploads),
        ("u0", 20, 1, Conflict),
        ("u0", 10, 991, ValueTooLarge),
    ):
        try:
            await store.upload_part(place, upload, start, b"x" * size, BOUNDS, NOW)
            raise AssertionError(f"{upload} was taken")
        except kind:
            pass
    try:
        await store.upload_part(MINE, "u0", 10, b"x", BOUNDS, NOW)
        raise AssertionError("an upload was taken over")
    except Conflict:
        pass
    await store.upload_drop(MINE, "u0", NOW)
    assert await store.upload_read("u0", 0)
    await store.upload_drop(place, "u0", NOW)
    assert await store.upload_read("u0", 0) == b""
    assert await store.state_sweep(NOW, NOW) == 0
    assert await store.state_sweep(NOW + 1, NOW + 1) == 3


async def journals_what_operators_do(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    who = await bench.agent("a")
    ids = await bench.submit({"id": "x"})
    job = (await bench.beat(who, 1)).granted[0]
    place = Place(space="job", owner=ids["x"])
    start = await store.last_seq()
    await _put(store, "k", b"1", _lease(job, who[0]))
    assert await store.last_seq() == start
    await _put(store, "k", b"2", place)
    await store.state_delete(place, "k", "", NOW)
    told = await store.journal(start, None, 9)
    assert [(event.type, event.job) for event in told] == [("state.set", ids["x"]), ("state.deleted", ids["x"])]


CHECKS: tuple[Check, ...] = (
    sets_one_of_many_rivals,
    never_gives_a_revision_twice,
    knows_a_write_that_comes_again,
    forgets_what_expires,
    lists_keys_in_order,
    holds_its_bounds,
    lets_only_the_holder_of_a_lease_act,
    refuses_a_write_that_a_later_one_has_overtaken,
    keeps_a_large_value_once,
    bounds_uploads,
    journals_what_operators_do,
)
