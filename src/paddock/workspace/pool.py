"""Warm plain checkouts, for hosts without overlays: reset in a box, and no more than a few per repository."""

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.sandbox import delete_rubbish
from paddock.workspace.errors import GitFailed
from paddock.workspace.layout import shared_dir
from paddock.workspace.survey import open_directories

if TYPE_CHECKING:
    from paddock.workspace.cache import RepoCache

KEPT = 4


def take(cache: "RepoCache", path: Path, base: str) -> bool:
    """Move a warm checkout to `path` and reset it to `base`; False when there is none that can be."""
    for entry in sorted((cache.path / "pool").glob("[0-9a-f]*")):
        taken = path / "taken"
        try:
            entry.rename(taken)
        except FileNotFoundError:
            continue  # another worktree took it
        try:
            open_directories(taken / "tree")
            index = cache.checkout(base, taken / "tree", shared_dir(path / "made"), taken / "index")
        except (GitFailed, OSError):
            delete_rubbish(taken)
            delete_rubbish(path / "made")
            continue
        index.rename(path / "index")
        (taken / "tree").rename(path / "tree")
        delete_rubbish(taken)
        return True
    return False


def give_back(cache: "RepoCache", tree: Path, index: Path, stamp: float) -> bool:
    """Keep a checkout whose work is saved for the next job; False when the pool is full."""
    if len([*(cache.path / "pool").glob("[0-9a-f]*")]) >= KEPT:
        return False
    scratch = shared_dir(cache.path / "pool" / f".new-{secrets.token_hex(4)}")
    os.utime(index, (stamp, stamp))
    index.rename(scratch / "index")
    tree.rename(scratch / "tree")
    scratch.rename(cache.path / "pool" / secrets.token_hex(8))
    return True
