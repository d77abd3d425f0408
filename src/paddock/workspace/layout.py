"""Where things lie below the workspace root, and whose they are.

repos/<key of the url>/   git/ (bare cache), bases/<commit>/ (tree, index, lock), pool/<id>/ (tree, index), lock
jobs/<job>-<epoch>/       job.json, lock, tree/, upper/, work/, git-<token>/ (private), snap/, stage/
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paddock.sandbox import can_reach, delete_rubbish, job_user

SYSTEM_ROOT = Path("/var/lib/paddock")


def workspace_root(preferred: Path) -> Path:
    """`preferred` when the job's user can walk to it, else (as root) a place below /var/lib/paddock; made."""
    preferred = preferred.absolute()
    preferred.mkdir(parents=True, exist_ok=True)
    user = job_user()
    root = preferred
    if os.geteuid() == 0 and not can_reach(preferred / "x", user):
        key = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:16]
        root = SYSTEM_ROOT / key
        root.mkdir(parents=True, exist_ok=True)
        SYSTEM_ROOT.chmod(0o711)
        root.chmod(0o711)
    for name in ("repos", "jobs"):
        shared_dir(root / name)
    return root


def shared_dir(path: Path) -> Path:
    """A directory of ours that the job's user may walk through but neither list nor change; others may do nothing."""
    path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(path, 0, job_user().gid)
        path.chmod(0o710)
    else:
        path.chmod(0o700)
    return path


def job_dir(path: Path) -> Path:
    """A new directory that belongs to the job's user."""
    path.mkdir()
    path.chmod(0o755)
    give(path)
    return path


def give(path: Path) -> None:
    """Make `path` the job user's."""
    if os.geteuid() == 0:
        user = job_user()
        os.chown(path, user.uid, user.gid, follow_symlinks=False)


def repository_key(url: str) -> str:
    """The directory name of a repository's cache."""
    return hashlib.sha256(url.encode()).hexdigest()[:20]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the exclusive lock on `path`, waiting for it as long as its owner lives."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """A descriptor that holds the lock on `path`, or None when another holds it or the file is gone."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(fd).st_ino:
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return None


def new_lock(path: Path, *, shared: bool = False) -> int:
    """Create `path` and hold its lock."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    return fd


def write_atomic(path: Path, content: bytes) -> None:
    """Write `path` so that a crash leaves the old file or the new one."""
    scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)


def delete_tree(path: Path) -> None:
    """Delete a directory whatever modes a job or an overlay left in it; a crash in the middle leaves only rubbish.

    The directory is renamed first, so that nobody takes a half deleted one for a whole one.
    """
    try:
        delete_rubbish(discard(path))
    except FileNotFoundError:
        return


def discard(path: Path) -> Path:
    """Give a directory a name that says it is rubbish, in one step."""
    return path.rename(path.with_name(f".trash-{secrets.token_hex(8)}"))
