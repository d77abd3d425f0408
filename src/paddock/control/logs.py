"""What runs print, written at offsets, so that a chunk sent twice is stored once; in files, or in a shared store."""

import asyncio
import os
from pathlib import Path
from typing import Protocol

from paddock.core.errors import Conflict, NotFound, Stale
from paddock.core.states import AttemptState
from paddock.store.base import Store
from paddock.store.replicas import ReplicaStore
from paddock.wire.logs import LogChunk

STREAMS = ("log", "diff")
MAX_BYTES = 64 * 1024 * 1024
# Chunks that were on their way when the attempt ended are taken for this long.
GRACE_MS = 600_000


class OffsetAhead(Conflict):
    """A chunk before this one is missing."""

    code = "offset_ahead"
    retryable = True


class LogFull(Conflict):
    """The log has reached its size limit."""

    code = "log_full"


class Logs(Protocol):
    """Output by attempt and stream."""

    async def size(self, job: str, epoch: int, stream: str) -> int:
        """Bytes stored."""

    async def append(self, job: str, epoch: int, stream: str, offset: int, data: bytes) -> int:
        """Stores a chunk at its offset and returns the size after it.

        Raises: OffsetAhead when bytes before it are missing, LogFull.
        """

    async def read(self, job: str, epoch: int, stream: str, offset: int, most: int = 1 << 20) -> bytes:
        """Bytes from an offset on; empty where there are none."""


def _known(stream: str) -> None:
    if stream not in STREAMS:
        raise NotFound(f"no stream {stream!r}")


def _ahead(size: int) -> OffsetAhead:
    return OffsetAhead(f"the next chunk starts at {size}")


class SharedLogs:
    """Output in the store that all replicas share."""

    def __init__(self, store: ReplicaStore) -> None:
        self._store = store

    async def size(self, job: str, epoch: int, stream: str) -> int:
        _known(stream)
        return await self._store.log_size(job, epoch, stream)

    async def append(self, job: str, epoch: int, stream: str, offset: int, data: bytes) -> int:
        _known(stream)
        if offset + len(data) > MAX_BYTES:
            raise LogFull()
        size = await self._store.log_append(job, epoch, stream, offset, data)
        if offset > size:
            raise _ahead(size)
        return size

    async def read(self, job: str, epoch: int, stream: str, offset: int, most: int = 1 << 20) -> bytes:
        _known(stream)
        return await self._store.log_read(job, epoch, stream, offset, most)


class LogFiles:
    """A folder with a file per attempt and stream."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _path(self, job: str, epoch: int, stream: str) -> Path:
        _known(stream)
        return self._folder / job[-2:] / f"{job}.{epoch}.{stream}"

    async def size(self, job: str, epoch: int, stream: str) -> int:
        try:
            return self._path(job, epoch, stream).stat().st_size
        except FileNotFoundError:
            return 0

    async def append(self, job: str, epoch: int, stream: str, offset: int, data: bytes) -> int:
        return await asyncio.to_thread(self._append, job, epoch, stream, offset, data)

    def _append(self, job: str, epoch: int, stream: str, offset: int, data: bytes) -> int:
        path = self._path(job, epoch, stream)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(handle).st_size
            if offset > size:
                raise _ahead(size)
            if offset + len(data) > MAX_BYTES:
                raise LogFull()
            fresh = data[size - offset :]
            if fresh:
                os.pwrite(handle, fresh, size)
            return size + len(fresh)
        finally:
            os.close(handle)

    async def read(self, job: str, epoch: int, stream: str, offset: int, most: int = 1 << 20) -> bytes:
        return await asyncio.to_thread(self._read, job, epoch, stream, offset, most)

    def _read(self, job: str, epoch: int, stream: str, offset: int, most: int) -> bytes:
        try:
            with self._path(job, epoch, stream).open("rb") as file:
                file.seek(offset)
                return file.read(most)
        except FileNotFoundError:
            return b""


async def take_chunk(store: Store, logs: Logs, now: int, agent: str, chunk: LogChunk, data: bytes) -> int:
    """A chunk of a run's output, fenced: only the attempt's own agent and session may write, and only while it counts.

    Raises: Stale, OffsetAhead, LogFull.
    """
    attempt = next((a for a in await store.attempts(chunk.job) if a.epoch == chunk.epoch), None)
    ours = attempt is not None and (attempt.agent, attempt.session) == (agent, chunk.session)
    if attempt is None or not ours or attempt.state is AttemptState.LOST:
        told: dict[str, object] = {"epoch": chunk.epoch, "session": chunk.session, "code": Stale.code}
        await store.note("log.stale", chunk.job, agent, told, now)
        raise Stale()
    if attempt.ended is not None and now - attempt.ended > GRACE_MS:
        raise Stale("the attempt ended too long ago")
    return await logs.append(chunk.job, chunk.epoch, chunk.stream, chunk.offset, data)
