"""A database that blocks, behind asyncio: operations queue for threads that take them in groups."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from paddock.store.engine import Op, StoreUnavailable

T = TypeVar("T")
Job = tuple[Op[Any], asyncio.Future[Any]]
Done = tuple[asyncio.Future[Any], Any, BaseException | None]
Queue = SimpleQueue[Job | None]

GROUP = 256


class ThreadedEngine:
    """One queue for writes, one for reads; a driver says what its threads do with them."""

    def __init__(self) -> None:
        self.commits = 0
        # Named statements; each count is written by one thread.
        self.wrote = self.looked = 0
        self.closing = False
        self.writes: Queue = SimpleQueue()
        self.reads: Queue = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Starts a thread; it ends when its queue does, or when `closing` is set."""
        thread = threading.Thread(target=work, name=f"store-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def statements(self) -> int:
        """Named statements that were run since it was opened."""
        return self.wrote + self.looked

    async def write(self, op: Op[T]) -> T:
        """Runs the operation in the next group commit and returns its result once that is on disk."""
        return await self._put(self.writes, op)

    async def read(self, op: Op[T]) -> T:
        """Runs a read on the reader's own connection; it sees every commit made before it was asked for."""
        return await self._put(self.reads, op)

    async def _put(self, queue: Queue, op: Op[T]) -> T:
        if self.closing:
            raise StoreUnavailable("the store is closed", hint="")
        future: asyncio.Future[T] = self._loop.create_future()
        queue.put((op, future))
        return await future

    async def close(self) -> None:
        """Finishes what was asked for and ends the threads."""
        if self.closing:
            return
        self.closing = True
        self.writes.put(None)
        self.reads.put(None)
        self.wake()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def wake(self) -> None:
        """Has threads that wait for something else than a queue look whether they should end."""

    def hand_out(self, done: list[Done]) -> None:
        """Gives results to those who wait for them."""
        try:
            self._loop.call_soon_threadsafe(_resolve, done)
        except RuntimeError:  # the loop is gone: nobody waits any more
            return


def call(nearly: list[Callable[[], None]]) -> None:
    """Calls them all, and forgets them."""
    for told in nearly:
        told()
    nearly.clear()


def groups(queue: "SimpleQueue[T | None]", ends: int = 1) -> Iterator[list[T]]:
    """What has come since the last look, at most a group at a time, until the queue has ended so many times."""
    while ends:
        item = queue.get()
        group: list[T] = []
        while True:
            if item is None:
                ends -= 1
            else:
                group.append(item)
            if not ends or len(group) == GROUP:
                break
            try:
                item = queue.get_nowait()
            except Empty:
                break
        if group:
            yield group


def _resolve(done: list[Done]) -> None:
    for future, result, error in done:
        if future.cancelled():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
