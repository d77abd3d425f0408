"""Real servers for tests: PostgreSQL and Redis, on private sockets in directories of their own.

An address in the environment wins (PADDOCK_TEST_POSTGRES: whoever it names may create databases; PADDOCK_TEST_REDIS:
a database that tests may empty); see `programs` for the rest. Servers started here end with this process, kill −9
included. `stop`, `kill`, `start` and `restart` are for chaos; addresses stay the same.
"""

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psycopg
import redis

from support import programs
from support.places import remove_tree
from support.programs import NoServer
from support.wait import wait_until

_GUARD = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guarded.py"))]
_NOBODY = 65534
_BASE = "/tmp"  # noqa: S108  (made by mkdtemp there)
_PREFIX = "paddock-service-"
_PATIENCE = 60.0
# A directory without a holder may be one that is just being made.
_YOUNG_S = 60
# The kernel ends a server with the thread that started it; this one lives as long as the process.
_starter = ThreadPoolExecutor(1, thread_name_prefix="services")


class Server:
    """One server process in a directory of its own. Used as a context, or with `start` and `close`."""

    # What asks the server to end in order, and what makes it end at once and tidy up.
    stopping = signal.SIGTERM
    ending = signal.SIGTERM

    def __init__(self) -> None:
        _sweep()
        # In /tmp, because TMPDIR may be closed to other users and too long for a socket's path.
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_BASE))
        self._lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        self._popen: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str | Path]:
        """What to run."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it answers."""
        raise NotImplementedError

    @property
    def who(self) -> str:
        """As whom it runs; see `guarded`."""
        return "keep"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log"

    def start(self) -> None:
        """Starts it and returns once it answers. Raises: NoServer with its own words."""
        command = [*_GUARD, str(os.getpid()), self.who, str(int(self.ending)), *map(str, self.command())]
        with self.log.open("ab") as out:
            self._popen = _starter.submit(
                lambda: subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=_environment())
            ).result()
        wait_until(self._up, _PATIENCE, what=f"{command[7]} answers")

    def _up(self) -> bool:
        if self._popen is not None and self._popen.poll() is not None:
            raise NoServer(f"{self._popen.args!r} ended at once: {self.log.read_text()[-2000:]}")
        return self.ready()

    def stop(self) -> None:
        """Ends it in order."""
        self._end(self.stopping)

    def kill(self) -> None:
        """Ends it as a power cut does."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stops it and starts it again."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Makes it hang: it holds its connections and answers nothing until `go_on`."""
        self._tell_all(signal.SIGSTOP)

    def go_on(self) -> None:
        """Ends a pause."""
        self._tell_all(signal.SIGCONT)

    def _tell_all(self, number: signal.Signals) -> None:
        """To the server and to those that it has forked; the server first when it must not fork more."""
        if self._popen is not None and self._popen.poll() is None:
            self._popen.send_signal(number)
            listed = Path(f"/proc/{self._popen.pid}/task/{self._popen.pid}/children").read_text()
            for pid in listed.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), number)

    def _end(self, number: signal.Signals) -> None:
        if self._popen is not None:
            if self._popen.poll() is None:
                self._popen.send_signal(number)
            self.go_on()
            self._popen.wait(_PATIENCE)

    def close(self) -> None:
        """Ends it and removes what it wrote."""
        self._end(self.ending)
        remove_tree(self.folder)
        os.close(self._lock)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Postgres(Server):
    """A PostgreSQL cluster that trusts whoever reaches its socket. `durable`: commits wait for the disk.

    `listen` is an address for TCP beside the socket, with `port`; it is open to whoever reaches it.
    """

    stopping = signal.SIGINT
    ending = signal.SIGQUIT

    def __init__(self, *, durable: bool = False, listen: str = "", port: int = 5432) -> None:
        found = programs.postgres()
        super().__init__()
        self.port = port
        self._listen = listen
        self._durable = durable
        self._who = _unprivileged()
        self.folder.chmod(0o711)
        for name in ("data", "socket"):
            (self.folder / name).mkdir(mode=0o700)
            if self._who.isdigit():
                os.chown(self.folder / name, int(self._who), int(self._who))
        self._bin = self._reachable(found)
        words = ["--username=paddock", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]
        self._run("initdb", *words, str(self.folder / "data"))

    def _reachable(self, folder: Path) -> Path:
        """The programs where the unprivileged user can run them: a home may be closed to it."""
        probe = self._as(folder / "postgres", "--version")
        if self._who.isdigit() and subprocess.run(probe, capture_output=True).returncode:
            # A wheel's programs find their libraries beside the package.
            package, copy = folder.parents[1], self.folder / "programs"
            for part in (folder.parent, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, copy / part.relative_to(package.parent), symlinks=True)
            return copy / folder.relative_to(package.parent)
        return folder

    def _as(self, program: Path, *args: str) -> list[str]:
        return [*_GUARD, str(os.getpid()), self._who, str(int(signal.SIGKILL)), str(program), *args]

    def _run(self, name: str, *args: str) -> None:
        done = subprocess.run(
            self._as(self._bin / name, *args), capture_output=True, text=True, env=_environment(), cwd="/"
        )
        if done.returncode:
            raise NoServer(f"{name} of {self._bin} failed: {done.stdout[-500:]}{done.stderr[-1500:]}")

    @property
    def who(self) -> str:
        return self._who

    def command(self) -> Sequence[str | Path]:
        settings = {
            "listen_addresses": self._listen,
            "port": self.port,
            "unix_socket_directories": self.folder / "socket",
            "fsync": "on" if self._durable else "off",
            "synchronous_commit": "on" if self._durable else "off",
            "full_page_writes": "on" if self._durable else "off",
            "max_connections": 100,
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "dynamic_shared_memory_type": "mmap",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [self._bin / "postgres", "-D", self.folder / "data", *words]

    def dsn(self, database: str = "postgres", *, host: str = "") -> str:
        """The address of a database, by the socket or by a TCP address."""
        if host:
            return f"postgresql://paddock@{host}:{self.port}/{database}"
        return f"postgresql://paddock@/{database}?host={self.folder / 'socket'}&port={self.port}"

    def ready(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.dsn(), connect_timeout=5).close()
            return True
        return False


class Redis(Server):
    """A Redis that keeps nothing on disk; a restart empties it. `listen` is an address for TCP, with `port`."""

    def __init__(self, *, listen: str = "", port: int = 0) -> None:
        self._program = programs.redis()
        super().__init__()
        self._listen = listen
        self._port = port

    def command(self) -> Sequence[str | Path]:
        where = ["--bind", self._listen, "--port", str(self._port)] if self._listen else ["--port", "0"]
        keep = ["--save", "", "--appendonly", "no", "--protected-mode", "no", "--daemonize", "no"]
        return [self._program, *where, "--unixsocket", self.folder / "socket", "--dir", self.folder, *keep]

    def url(self, *, host: str = "") -> str:
        """Its address, by the socket or by a TCP address."""
        return f"redis://{host}:{self._port}/0" if host else f"unix://{self.folder / 'socket'}?db=0"

    def ready(self) -> bool:
        faults = contextlib.suppress(redis.ConnectionError, redis.TimeoutError)
        with faults, redis.Redis.from_url(self.url(), socket_timeout=5) as client:
            return bool(client.ping())
        return False


class Databases:
    """Fresh databases on one server; the address is a URL and names one that exists."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def create(self, template: str = "template0") -> str:
        """The address of a new database, a copy of another."""
        name = f"paddock_test_{uuid.uuid4().hex[:16]}"
        self._do(f'create database "{name}" template "{template}"')
        return urlsplit(self._dsn)._replace(path=f"/{name}").geturl()

    def drop(self, dsn: str) -> None:
        """Removes a database, whoever is connected to it."""
        self._do(f'drop database if exists "{urlsplit(dsn).path[1:]}" with (force)')

    def _do(self, statement: str) -> None:
        try:
            with psycopg.connect(self._dsn, autocommit=True, connect_timeout=30) as link:
                link.execute(statement.encode())
        except psycopg.OperationalError as error:
            raise NoServer(f"PostgreSQL for tests at {self._dsn} does not answer: {error}") from None


def empty(url: str) -> None:
    """Empties the database of a Redis."""
    try:
        with redis.Redis.from_url(url, socket_timeout=30) as client:
            client.flushdb()
    except redis.RedisError as error:
        raise NoServer(f"Redis for tests at {url} does not answer: {error}") from None


def _unprivileged() -> str:
    """As whom a server runs that refuses root and users without a name."""
    if os.geteuid():
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            return "map"
        return "keep"
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= _NOBODY < first + count:
            return str(_NOBODY)
    return "map"


def _environment() -> dict[str, str]:
    """Without what would lead a server or its tools elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "REDIS"))} | {"TZ": "UTC"}


def _sweep() -> None:
    """Removes what killed sessions left behind: directories that nobody holds."""
    for folder in Path(_BASE).glob(_PREFIX + "*"):
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found = os.fstat(handle)
                if found.st_uid == os.geteuid() and time.time() - found.st_mtime > _YOUNG_S:
                    remove_tree(folder)
            finally:
                os.close(handle)
