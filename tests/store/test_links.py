"""Connections to PostgreSQL that break: at the server's end, and while they are being made."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from paddock.bus.postgres import PostgresWay
from paddock.store.engine import StoreUnavailable
from paddock.store.postgres.driver import PostgresStore
from paddock.store.postgres.link import StoreRefused, connect
from support.places import free_port
from support.services import Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL that listens at a TCP address, for on its socket nobody is ever lost."""
    with Postgres(listen="127.0.0.1", port=free_port()) as server:
        yield server


async def test_the_server_looks_for_clients_that_are_lost(server: Postgres) -> None:
    # What the kernel was told; a client that is cut off tells nobody, and its connection would be kept for hours.
    asked = b"SELECT name, setting FROM pg_settings WHERE name LIKE 'tcp%' ORDER BY name"
    with connect(server.dsn(host="127.0.0.1")) as link:
        assert {row["name"]: int(row["setting"]) for row in link.execute(asked)} == {
            "tcp_keepalives_count": 2,
            "tcp_keepalives_idle": 5,
            "tcp_keepalives_interval": 2,
            "tcp_user_timeout": 2_000,
        }
    way = PostgresWay(server.dsn(host="127.0.0.1"), "channel")
    await way.connect()
    try:
        assert way._link is not None
        found: dict[str, str] = dict(await (await way._link.execute(asked)).fetchall())
        assert int(found["tcp_keepalives_idle"]) == 10
    finally:
        await way.disconnect()


def test_where_nobody_answers_it_is_not_said_that_somebody_hung_up() -> None:
    with ExitStack() as stack:
        # Whoever comes after a queue is full is not answered at all, as behind a firewall that drops packets.
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        with pytest.raises(StoreRefused, match=r"no answer within|timeout expired"):
            connect(f"postgresql://paddock@127.0.0.1:{full.getsockname()[1]}/paddock")


class Gate:
    """Stands before a server and hangs up on clients at their first statement while it is `shut`."""

    def __init__(self, port: int) -> None:
        self.shut = False
        self.refused = 0
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        with self._listening, contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._join, args=(self._listening.accept()[0],)).start()

    def _join(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port)) as server:
            back = threading.Thread(target=self._carry, args=(server, client))
            back.start()
            self._carry(client, server)
            back.join()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if self.shut and data.startswith(b"Q"):
                    self.refused += 1
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Lets nobody else in."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()


async def test_a_connection_that_breaks_while_it_is_made_is_made_again(server: Postgres) -> None:
    gate = Gate(server.port)
    store = await PostgresStore.open(server.dsn(host="127.0.0.1").replace(f":{server.port}/", f":{gate.port}/"))
    try:
        gate.shut = True
        while gate.refused < 3:  # the first loses what there was, the others never get so far
            for ask in (store.pulse(), store.agree("name", "value", 1)):
                with pytest.raises(StoreUnavailable):
                    await ask
        gate.shut = False
        answered = False
        while not answered:
            with contextlib.suppress(StoreUnavailable):
                await store.pulse()
                answered = await store.agree("name", "value", 1) == "value"
    finally:
        await store.close()
        gate.close()
