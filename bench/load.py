"""A load generator: kept connections, and requests offered at a rate, whether or not earlier ones were answered."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import cast

Done = Callable[[int, bytes], None]


def request(method: str, path: str, port: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{port}", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class _Link(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._heard = bytearray()
        self._done: Done | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own are no subclass

    def send(self, data: bytes, done: Done) -> None:
        self._done = done
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        end = self._heard.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._heard.index(b"content-length: ") + 16
        size = int(self._heard[at : self._heard.index(b"\r", at)])
        if len(self._heard) < end + 4 + size:
            return
        status, body = int(self._heard[9:12]), bytes(self._heard[end + 4 :])
        last = self._heard.find(b"connection: close", 0, end) >= 0
        self._heard.clear()
        done, self._done = self._done, None
        if last:
            self.transport.close()
        else:
            self._pool.free(self)
        if done is not None:
            done(status, body)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._done is not None:
            self._done(0, b"")
        self._pool.gone(self)


class Pool:
    """Connections to one server; a request that finds none idle waits for one."""

    def __init__(self, port: int, *, reopen: bool = False) -> None:
        self._port = port
        self._reopen = reopen
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: deque[_Link] = deque()
        self._waiting: deque[tuple[bytes, Done]] = deque()
        self._links: set[_Link] = set()
        # Connections that the server closed.
        self.lost = 0

    async def open(self, connections: int) -> None:
        """Opens them one by one."""
        for _ in range(connections):
            await self._open()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(lambda: _Link(self), "127.0.0.1", self._port)
        self._links.add(link)
        self.free(link)

    def gone(self, link: _Link) -> None:
        """The server has closed a connection; another is opened where that was asked for."""
        self.lost += 1
        self._links.discard(link)
        if link in self._idle:
            self._idle.remove(link)
        if self._reopen:
            task = asyncio.ensure_future(self._open())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Closes them all."""
        self._reopen = False
        for link in self._links:
            link.transport.abort()

    def send(self, data: bytes, done: Done) -> None:
        """Sends a request; the connection that was idle for longest takes it, as a fleet's would."""
        if self._idle:
            self._idle.popleft().send(data, done)
        else:
            self._waiting.append((data, done))

    def free(self, link: _Link) -> None:
        """Gives a connection its next request, or lets it rest."""
        if self._waiting:
            link.send(*self._waiting.popleft())
        else:
            self._idle.append(link)

    async def ask(self, data: bytes) -> tuple[int, bytes]:
        """Sends a request and returns status and body."""
        answered: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

        def done(status: int, body: bytes) -> None:
            if not answered.cancelled():
                answered.set_result((status, body))

        self.send(data, done)
        return await answered


class Offered:
    """What became of an offered load: milliseconds from the moment each request was due to its answer."""

    def __init__(self) -> None:
        self.latencies_ms: list[float] = []
        # Milliseconds by which the generator itself was late; they are part of the latencies.
        self.late_ms: list[float] = []
        self.failed = 0
        self.seconds = 0.0
        self._wanted = 0
        self._all = asyncio.Event()

    def sent(self, pool: Pool, data: bytes, due: float) -> None:
        """Sends one request that was due at `due`."""
        self.late_ms.append((time.perf_counter() - due) * 1e3)

        def done(status: int, _body: bytes) -> None:
            self.latencies_ms.append((time.perf_counter() - due) * 1e3)
            self.failed += status != 200
            if len(self.latencies_ms) == self._wanted:
                self._all.set()

        pool.send(data, done)

    async def answered(self, wanted: int) -> None:
        """Returns once so many requests were answered."""
        self._wanted = wanted
        if len(self.latencies_ms) < wanted:
            await self._all.wait()


async def until(due: float) -> None:
    """Sleeps until a moment of time.perf_counter; a timer of the loop may go off up to a millisecond early."""
    wait = due - time.perf_counter()
    while wait > 0:
        await asyncio.sleep(wait)
        wait = due - time.perf_counter()


async def offer(pool: Pool, requests: Sequence[bytes], per_second: float, seed: int = 1) -> Offered:
    """Offers the requests as a fleet does, at random moments (exponential gaps) that average to the rate."""
    dice = random.Random(seed)
    out = Offered()
    began = due = time.perf_counter()
    for data in requests:
        due += dice.expovariate(per_second)
        await until(due)
        out.sent(pool, data, due)
    await out.answered(len(requests))
    out.seconds = time.perf_counter() - began
    return out


async def flood(pool: Pool, requests: Sequence[bytes], at_once: int) -> float:
    """Sends the requests as fast as they are answered, so many at a time; returns answers per second."""
    left, began = iter(requests), time.perf_counter()

    async def one() -> None:
        for data in left:
            status, body = await pool.ask(data)
            if status != 200:
                raise RuntimeError(f"the server answers {status}: {body[:200]!r}")

    await asyncio.gather(*(one() for _ in range(at_once)))
    return len(requests) / (time.perf_counter() - began)
