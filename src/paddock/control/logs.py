"""What runs print: a file per attempt and stream, written at offsets, so that a chunk sent twice is stored once."""

import asyncio
import os
from pathlib import Path

from paddock.core.errors import Conflict, NotFound, Stale
from paddock.core.states import AttemptState
from paddock.store.base import Store
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


class LogFiles:
    """The folder of log files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._closed = False

    def close(self) -> None:
        """Takes nothing more."""
        self._closed = True

    def _path(self, job: str, epoch: int, stream: str) -> Path:
        if stream not in STREAMS:
            raise NotFound(f"no stream {stream!r}")
        return self._folder / job[-2:] / f"{job}.{epoch}.{stream}"

    def size(self, job: str, epoch: int, stream: str) -> int:
        """Bytes stored."""
        try:
            return self._path(job, epoch, stream).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, job: str, epoch: int, stream: str, offset: int, data: bytes) -> int:
        """Stores a chunk at its offset and returns the size after it.

        Raises: OffsetAhead when bytes before it are missing, LogFull.
        """
        path = self._path(job, epoch, stream)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(handle).st_size
            if offset > size:
                raise OffsetAhead(f"the next chunk starts at {size}")
            if offset + len(data) > MAX_BYTES:
                raise LogFull()
            fresh = data[size - offset :]
            if fresh:
                os.pwrite(handle, fresh, size)
            return size + len(fresh)
        finally:
            os.close(handle)

    def read(self, job: str, epoch: int, stream: str, offset: int, most: int = 1 << 20) -> bytes:
        """Bytes from an offset on; empty where there are none."""
        try:
            with self._path(job, epoch, stream).open("rb") as file:
                file.seek(offset)
                return file.read(most)
        except FileNotFoundError:
            return b""


async def take_chunk(store: Store, logs: LogFiles, now: int, agent: str, chunk: LogChunk, data: bytes) -> int:
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
    return await asyncio.to_thread(logs.append, chunk.job, chunk.epoch, chunk.stream, chunk.offset, data)
