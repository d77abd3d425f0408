"""Where a bench runs: a temporary directory that a job's user can walk into, and the machine's cores."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.report import say

ANYWHERE = -1


@dataclass(frozen=True)
class Place:
    """`path` is the bench's own and is gone afterwards. `quick` asks for a smoke run, whose figures mean nothing.

    `full` asks for sizes that take gigabytes and minutes.
    """

    path: Path
    quick: bool = False
    full: bool = False

    def folder(self, name: str) -> Path:
        """A new folder below the place."""
        path = self.path / name
        path.mkdir()
        path.chmod(0o711)
        return path


@contextmanager
def temporary(*, quick: bool, full: bool = False) -> Iterator[Place]:
    """A place below BENCH_DIR (default: /tmp), removed on the way out."""
    path = Path(tempfile.mkdtemp(prefix="paddock-bench-", dir=os.environ.get("BENCH_DIR", "/tmp")))  # noqa: S108
    path.chmod(0o711)
    try:
        yield Place(path, quick, full)
    finally:
        shutil.rmtree(path, onerror=_complain)


def _complain(_function: object, path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
    if not isinstance(error[1], FileNotFoundError):
        say(f"{path} could not be removed: {error[1]}")


def cores() -> tuple[int, int]:
    """The core of the server and the core of the load; the same one where there is only one."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Runs this thread, and what is started meanwhile, on one core; `ANYWHERE` leaves it to the kernel."""
    if core == ANYWHERE:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A TCP port on the loopback address that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
