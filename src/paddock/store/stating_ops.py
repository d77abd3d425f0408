"""The driver's part of the contract about what jobs remember."""

from paddock.core.state import Bounds
from paddock.store.engine import Glance
from paddock.store.operations import Operations
from paddock.store.ops import stating
from paddock.store.stating import Blob, Entry, Head, NewValue, Place


class StateOps(Operations):
    """See `StateStore`."""

    async def state_get(self, place: Place, key: str, now: int) -> Entry:
        return await self._read(lambda tx: stating.get(tx, place, key, now))

    async def state_put(self, place: Place, key: str, given: NewValue, bounds: Bounds, now: int) -> Head:
        return await self._write(now, lambda work: stating.put(work, place, key, given, bounds))

    async def state_delete(self, place: Place, key: str, match: str, now: int) -> None:
        await self._write(now, lambda work: stating.delete(work, place, key, match))

    async def state_list(self, place: Place, prefix: str, after: str, most: int, now: int) -> list[Head]:
        return await self._read(lambda tx: stating.keys(tx, place, prefix, after, most, now))

    async def upload_part(self, place: Place, upload: str, start: int, data: bytes, bounds: Bounds, now: int) -> int:
        return await self._write(now, lambda work: stating.upload_part(work, place, upload, start, data, bounds))

    async def upload_read(self, upload: str, start: int) -> bytes:
        return await self._read(lambda tx: stating.upload_read(tx, upload, start))

    async def upload_drop(self, place: Place, upload: str, now: int) -> None:
        await self._write(now, lambda work: stating.upload_drop(work, place, upload))

    async def blob_seal(self, upload: str, digest: str, now: int) -> Blob:
        return await self._write(now, lambda work: stating.seal(work, upload, digest))

    async def blob(self, digest: str) -> Blob:
        return await self._read(lambda tx: stating.find(tx, digest))

    async def state_sweep(self, before: int, now: int) -> int:
        if not await self._read(Glance(lambda tx: stating.due(tx, before, now))):
            return 0
        return await self._write(now, lambda work: stating.sweep(work, before))

    async def state_usage(self) -> dict[str, dict[str, int]]:
        return await self._read(stating.usage)
