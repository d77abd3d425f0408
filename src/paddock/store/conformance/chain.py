"""Checks on what the store keeps of the journal's chain."""

from paddock.core import chain
from paddock.store.base import Store
from paddock.store.chaining import Kept
from paddock.store.conformance.bench import NOW, Bench, Check


async def _seal(store: Store, most: int) -> Kept:
    last = await store.last_seal()
    before = last.seal if last else None
    rows = await store.rows(before.last if before else 0, await store.last_seq(), most)
    kept = Kept(chain.seal(before, rows, NOW), "{}")
    assert await store.add_seal(kept)
    return kept


async def seals_what_is_stored(store: Store) -> None:
    bench = Bench(store)
    await bench.project()
    await store.note("state.set", None, None, {"key": "ü \u2028 \U0001f40e", "space": "job"}, NOW)
    await bench.submit({"id": "a"}, {"id": "b"})
    assert await store.last_seal() is None
    first = await _seal(store, 2)
    second = await _seal(store, chain.BATCH)
    assert (first.seal.number, first.seal.rows, second.seal.number) == (1, 2, 2)
    assert await store.last_seal() == second
    assert list(await store.seals(0, 9)) == [first, second]
    assert list(await store.seals(1, 9)) == [second]
    before = None
    for seal, _ in (first, second):
        rows = await store.rows(before.last if before else 0, seal.last, chain.BATCH)
        assert chain.check(before, seal, rows) is None
        before = seal


async def the_first_of_two_seals_stands(store: Store) -> None:
    await Bench(store).project()
    kept = await _seal(store, 1)
    other = Kept(chain.Seal(number=1, last=1, at=NOW + 1, marks=b"", head="f" * 64), "{}")
    assert not await store.add_seal(other)
    assert await store.last_seal() == kept


CHECKS: tuple[Check, ...] = (seals_what_is_stored, the_first_of_two_seals_stands)
