"""A balancer as a user has one: asks each replica how it is, sends connections to those that are well, and moves the
connections of one that is not.

Beside its own port there is a door to each replica, for whoever wants that one.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

# Opens a socket where a replica can be reached; it does not block and is not connected.
Opener = Callable[[], socket.socket]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

# Seconds between two questions, seconds for an answer, and bad answers after which a replica counts as down.
EVERY_S, PATIENCE_S, BAD = 0.5, 1.0, 2
_CONNECT_S = 1.0
_ASK = b"GET /v1/health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"


class Backend:
    """One replica and how it fares."""

    def __init__(self, opener: Opener, port: int) -> None:
        self._opener = opener
        self._port = port
        self._bad = BAD
        self.links: set[asyncio.StreamWriter] = set()

    @property
    def well(self) -> bool:
        """Whether connections should go there."""
        return self._bad < BAD

    async def connect(self) -> Streams:
        """A connection to it. Raises: OSError, TimeoutError."""
        made = self._opener()
        try:
            async with asyncio.timeout(_CONNECT_S):
                await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self._port))
        except BaseException:
            made.close()
            raise
        return await asyncio.open_connection(sock=made)

    async def look(self) -> None:
        """Asks once how it is."""
        good = False
        with contextlib.suppress(OSError, TimeoutError, EOFError):
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await self.connect()
                try:
                    writer.write(_ASK)
                    good = b" 200 " in await reader.readline()
                finally:
                    writer.close()
        self._bad = 0 if good else self._bad + 1

    def leave(self) -> None:
        """Ends its connections, so that whoever had them makes new ones."""
        for link in list(self.links):
            link.transport.abort()


class Balancer:
    """Runs in a thread of its own. Used as a context; `url` is its address, `doors` those of single replicas."""

    def __init__(self, openers: list[Opener], port: int) -> None:
        self._backends = [Backend(opener, port) for opener in openers]
        self._next = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="balancer", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._watching: asyncio.Task[None]
        self.url = ""
        self.doors: list[str] = []

    def __enter__(self) -> "Balancer":
        self._thread.start()
        self.url = self._do(self._listen(self._ways))
        self.doors = [self._do(self._listen(partial(list, [backend]))) for backend in self._backends]
        self._do(self._begin())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self, ways: Callable[[], list[Backend]]) -> str:
        server = await asyncio.start_server(lambda reader, writer: self._serve(ways, reader, writer), "127.0.0.1", 0)
        self._servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def _ways(self) -> list[Backend]:
        """The replicas to try, in turn: those that are well, or all when none is."""
        self._next += 1
        good = [backend for backend in self._backends if backend.well] or self._backends
        at = self._next % len(good)
        return [*good[at:], *good[:at]]

    async def _serve(
        self, ways: Callable[[], list[Backend]], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            for backend in ways():
                with contextlib.suppress(OSError, TimeoutError):
                    there, back = await backend.connect()
                    backend.links.add(writer)
                    try:
                        await _join((reader, back), (there, writer))
                    finally:
                        backend.links.discard(writer)
                        back.close()
                    return
        finally:
            writer.close()

    async def _begin(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            before = [backend.well for backend in self._backends]
            await asyncio.gather(*(backend.look() for backend in self._backends))
            if any(backend.well for backend in self._backends):
                for backend, was in zip(self._backends, before, strict=True):
                    if was and not backend.well:
                        backend.leave()
            await asyncio.sleep(EVERY_S)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def _join(*ways: Streams) -> None:
    """Carries both ways until either ends."""
    tasks = [asyncio.ensure_future(_pump(*way)) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
