"""Where a storm lives: a folder whose lock says that its owner is alive; and what dead owners left behind."""

import contextlib
import fcntl
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos import network
from chaos.words import say
from support.places import remove_tree

# Not what TMPDIR names, which may be closed to those as whom jobs run.
_BASE = Path("/tmp")  # noqa: S108  (under a random name, held by a lock)
_PREFIX = "paddock-chaos-"


@dataclass(frozen=True)
class Place:
    """`run` names everything that belongs to this storm; `path` is gone afterwards."""

    run: str
    path: Path

    def folder(self, name: str) -> Path:
        """A folder below that jobs' users can pass through."""
        path = self.path / name
        path.mkdir(exist_ok=True)
        path.chmod(0o711)
        return path


@contextmanager
def held() -> Iterator[Place]:
    """A place whose folder is locked until it is left, by whatever way."""
    run = secrets.token_hex(3)
    path = _BASE / f"{_PREFIX}{run}"
    # Locked before it has the name by which others sweep.
    young = path.with_name(f".{path.name}")
    young.mkdir(0o711)
    handle = os.open(young, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(handle, fcntl.LOCK_EX)
    young.rename(path)
    try:
        yield Place(run, path)
    finally:
        _remove(path)
        os.close(handle)


def sweep() -> None:
    """Removes what storms left behind that were killed: processes, networks, folders."""
    folders = {path.name.removeprefix(_PREFIX): path for path in _BASE.glob(f"{_PREFIX}*")}
    for run in sorted(folders.keys() | network.runs()):
        path = folders.get(run)
        if path is not None and not _abandoned(path):
            continue
        say(f"removing what the storm {run} left behind when it was killed")
        for pid in network.pids(run):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        network.remove(run)
        if path is not None:
            _remove(path)


def _abandoned(path: Path) -> bool:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        finally:
            os.close(handle)
    return False


def _remove(path: Path) -> None:
    try:
        remove_tree(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        say(f"{path} could not be removed: {error}")
