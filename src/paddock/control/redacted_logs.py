"""Output without secrets, whoever sent it: covered when it is stored, and across the borders of chunks when it is read.

The agent has done the same before; this is for one that did not.
"""

from collections.abc import Callable

from paddock.control.logs import Logs
from paddock.core.redaction import MARGIN, redact

# A diff is shown to the person who decides on it, as it is.
COVERED = "log"


class RedactedLogs:
    """Logs whose secrets are covered. Offsets and sizes stay: a secret keeps its length."""

    def __init__(self, inner: Logs, cover: Callable[[bytes], bytes] = redact) -> None:
        self._inner = inner
        self._cover = cover

    async def size(self, job: str, epoch: int, stream: str) -> int:
        """Bytes stored."""
        return await self._inner.size(job, epoch, stream)

    async def append(self, job: str, epoch: int, stream: str, offset: int, data: bytes) -> int:
        """Stores a chunk at its offset and returns the size after it.

        Raises: OffsetAhead when bytes before it are missing, LogFull.
        """
        return await self._inner.append(job, epoch, stream, offset, self._cover(data) if stream == COVERED else data)

    async def read(self, job: str, epoch: int, stream: str, offset: int, most: int = 1 << 20) -> bytes:
        """Bytes from an offset on; empty where there are none."""
        if stream != COVERED:
            return await self._inner.read(job, epoch, stream, offset, most)
        begin = max(0, offset - MARGIN)
        data = await self._inner.read(job, epoch, stream, begin, offset - begin + most + MARGIN)
        return self._cover(data)[offset - begin :][:most]
