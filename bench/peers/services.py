"""The servers that peers stand on: the ones that tests use, with the settings that a careful operator leaves on."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from bench.peers.environments import runtime
from bench.place import free_port

# Tests and benches find servers in one way; the finder lies with the tests.
sys.path.append(str(Path(__file__).parents[2] / "tests"))

from support import programs
from support.programs import NoServer
from support.services import Databases, Postgres, Redis, Server

__all__ = ["NoServer", "Services"]


class DurablePostgres(Postgres):
    """PostgreSQL with its own defaults: fsync, synchronous_commit and full_page_writes are on."""

    def __init__(self) -> None:
        super().__init__(durable=True, listen="127.0.0.1", port=free_port())

    def command(self) -> Sequence[str | Path]:
        return [*super().command(), "-c", "shared_buffers=128MB"]

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The address of a new database, which is dropped afterwards."""
        databases = Databases(self.dsn(host="127.0.0.1"))
        address = databases.create()
        try:
            yield address
        finally:
            databases.drop(address)

    @property
    def version(self) -> str:
        """As the program says it."""
        return ".".join(map(str, programs.version(self._bin / "postgres")))


class DurableRedis(Redis):
    """Redis with an append-only file; `fsync` is its `appendfsync`: everysec or always."""

    def __init__(self, fsync: str) -> None:
        self._number = free_port()
        super().__init__(listen="127.0.0.1", port=self._number)
        self._fsync = fsync

    def command(self) -> Sequence[str | Path]:
        return [*super().command(), "--appendonly", "yes", "--appendfsync", self._fsync]

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Its address; it is empty."""
        address = self.url(host="127.0.0.1")
        with redis.Redis.from_url(address) as client:
            client.flushall()
        yield address

    @property
    def version(self) -> str:
        """As the program says it."""
        return ".".join(map(str, programs.version(self._program)))


class Nats(Server):
    """NATS with JetStream on files; `sync` is when a file is brought to disk: a duration, or `always`."""

    def __init__(self, program: Path, sync: str) -> None:
        super().__init__()
        self._program = program
        self._port = free_port()
        store = f'{{ store_dir: "{self.folder}/store", sync_interval: {sync} }}'
        (self.folder / "nats.conf").write_text(f"listen: 127.0.0.1:{self._port}\njetstream {store}\n")

    def command(self) -> Sequence[str | Path]:
        return [self._program, "-c", self.folder / "nats.conf"]

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Its address; its streams are those of its last user."""
        yield f"nats://127.0.0.1:{self._port}"

    def ready(self) -> bool:
        return "Server is ready" in self.log.read_text()

    @property
    def version(self) -> str:
        """As the program says it."""
        said = subprocess.run([self._program, "--version"], capture_output=True, text=True, timeout=30).stdout
        return said.rpartition("v")[2].strip()


Service = DurablePostgres | DurableRedis | Nats


class Services:
    """The servers of a run: PostgreSQL and Redis start when first asked for and stay, NATS starts for each user."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._kept: dict[str, Service] = {}
        # What each said its version is, by the name of the service.
        self.versions: dict[str, str] = {}

    @contextmanager
    def fresh(self, name: str) -> Iterator[str]:
        """The address of an empty service; empty where none is wanted. Raises: NoServer, CannotInstall."""
        if name == "none":
            yield ""
            return
        if name.startswith("nats"):
            with _make(name) as server, self._told(name, server).fresh() as address:
                yield address
            return
        if name not in self._kept:
            server = _make(name)
            self._stack.enter_context(server)
            self._kept[name] = server
        with self._told(name, self._kept[name]).fresh() as address:
            yield address

    def _told(self, name: str, server: Service) -> Service:
        self.versions.setdefault(name.partition("-")[0], server.version)
        return server


def _make(name: str) -> Service:
    always = name.endswith("-always")
    if name == "postgres":
        return DurablePostgres()
    if name.startswith("redis"):
        return DurableRedis("always" if always else "everysec")
    return Nats(runtime("nats-server").with_name("nats-server"), "always" if always else "2m")
