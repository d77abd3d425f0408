"""A look at what a run left, from outside and without following anything: names, types, sizes, modes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

MAX_FILE = 512 << 20  # bytes; a larger file is not kept in git, and its worktree is not deleted
MAX_NESTED = 256


class Survey(msgspec.Struct):
    """Paths relative to the tree, as the bytes of their names decoded with surrogates."""

    nested: list[tuple[str, bool]] = []  # .git entries below the top (path, is a directory)
    special: list[str] = []  # FIFOs, sockets, devices: they hold no bytes
    large: list[str] = []  # files above MAX_FILE
    names_below: list[str] = []  # every file and link that lies in a directory


def survey(tree: Path, *, overlay: bool) -> Survey:
    """Walk what the job wrote; opens files and directories that their owner closed to himself, so that git can read.

    No process of the run may be alive. In an upper layer a device 0:0 marks a deletion and is left out.
    """
    found = Survey()
    for entry, name in _walk(tree):
        status = entry.stat(follow_symlinks=False)
        directory = stat.S_ISDIR(status.st_mode)
        if entry.name == ".git":
            if "/" in name:
                found.nested.append((name, directory))
            continue
        if "/" in name and (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            found.names_below.append(name)
        if stat.S_ISREG(status.st_mode):
            if not status.st_mode & stat.S_IRUSR:
                os.chmod(entry.path, stat.S_IMODE(status.st_mode) | stat.S_IRUSR)  # noqa: PTH101 (bytes-safe path)
            if status.st_size > MAX_FILE:
                found.large.append(name)
        elif not directory and not stat.S_ISLNK(status.st_mode) and not (overlay and _is_whiteout(status)):
            found.special.append(name)
    return found


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def open_directories(tree: Path) -> None:
    """Give the owner of a tree the right to enter and change every directory in it."""
    for _ in _walk(tree):
        pass


def _walk(tree: Path) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Every entry below `tree`, symlinks not followed; does not descend into a `.git`."""
    pending = [(str(tree), "")]
    while pending:
        path, prefix = pending.pop()
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            continue
        if status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(path, stat.S_IMODE(status.st_mode) | stat.S_IRWXU)  # noqa: PTH101
        with os.scandir(path) as entries:
            for entry in entries:
                name = f"{prefix}{entry.name}"
                yield entry, name
                if entry.name != ".git" and entry.is_dir(follow_symlinks=False):
                    pending.append((entry.path, f"{name}/"))
