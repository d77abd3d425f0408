"""Private git directories, written by hand: a job's own, and those of our git runs inside a box."""

import os
from pathlib import Path

from paddock.workspace.layout import give, job_dir

OBJECTS = Path("/paddock/objects")  # the cache's objects, in a box
JOB_OBJECTS = Path("/paddock/job/objects")  # the job's own objects, in our boxes
MARKER = "skip-auto-rebase-watcher"  # keeps a rebase watcher away from a worktree that an agent works in
CONFIG = """[core]
	repositoryformatversion = 0
	filemode = true
	bare = false
	logallrefupdates = true
	quotePath = false
[user]
	name = Paddock
	email = paddock@localhost
[gc]
	auto = 0
[maintenance]
	auto = false
"""
_OURS = CONFIG + "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n\tautocrlf = false\n"


def job_git(path: Path, branch: str, base: str, alternates: list[Path]) -> None:
    """A job's git directory: its branch at `base`, its own refs, the cache's objects by alternates."""
    _skeleton(path, alternates)
    _put(path / "HEAD", f"ref: refs/heads/{branch}\n")
    head = path / "refs" / "heads" / branch
    for parent in reversed(head.relative_to(path / "refs" / "heads").parents[:-1]):
        job_dir(path / "refs" / "heads" / parent)
    _put(head, f"{base}\n")
    _put(path / "config", CONFIG)
    _put(path / MARKER, "")
    job_dir(path / "hooks")


def our_git(path: Path, base: str, alternates: list[Path]) -> None:
    """A git directory for our own run inside a box; nothing in it comes from a job."""
    _skeleton(path, alternates)
    _put(path / "HEAD", f"{base}\n")
    _put(path / "config", _OURS)


def _skeleton(path: Path, alternates: list[Path]) -> None:
    for part in ("", "objects", "objects/info", "objects/pack", "refs", "refs/heads", "info"):
        job_dir(path / part)
    _put(path / "objects" / "info" / "alternates", "".join(f"{other}\n" for other in alternates))


def _put(path: Path, text: str) -> None:
    path.write_text(text)
    give(path)


def place_index(source: Path, target: Path, stamp: float) -> None:
    """Copy an index and date it `stamp` (seconds).

    git trusts a file's recorded state only if it is older than the index, so the date must not lie
    after the moment the job could first write: a later one would hide an edit of the same size and second.
    """
    with source.open("rb") as old, target.open("wb") as new:
        size = os.fstat(old.fileno()).st_size
        offset = 0
        while offset < size:
            offset += os.sendfile(new.fileno(), old.fileno(), offset, size - offset)
    os.utime(target, (stamp, stamp))
    give(target)
