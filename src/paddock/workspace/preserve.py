"""Zero lost work: a worktree is deleted only when all it holds is proven to be saved; dead runs are saved first."""

import time
from collections.abc import Collection
from pathlib import Path

import msgspec

from paddock.core.errors import PaddockError
from paddock.sandbox import delete_rubbish
from paddock.workspace import pool
from paddock.workspace.collect import Snapshot, collect, examine, wip_ref
from paddock.workspace.errors import NotProven
from paddock.workspace.forge.local import publish
from paddock.workspace.git import run
from paddock.workspace.layout import discard
from paddock.workspace.merge import is_ancestor
from paddock.workspace.processes import end_run
from paddock.workspace.worktree import Record, Worktree, adopt

UNFINISHED_AGE = 600.0  # seconds after which a worktree that was never finished is rubbish


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """One dead run. `error` says why its worktree is still there; what is in `snapshot` is saved either way."""

    job: str
    epoch: int
    record: Record
    snapshot: Snapshot | None = None
    pushed: bool = False
    removed: bool = False
    ended: int = 0  # processes that were still alive
    error: str = ""


def remove(worktree: Worktree) -> None:
    """Delete a worktree, or give its checkout back to the pool; NotProven, and nothing deleted, without proof.

    Proof: the tree computed from what lies there now is the tree of the wip commit in the cache, and that commit
    contains every commit the job can name. Dates and file counts prove nothing and are not asked.
    """
    if worktree.record.throwaway:
        end_run(worktree.record.token)
    else:
        _prove(worktree)
    _delete(worktree)


def _prove(worktree: Worktree) -> None:
    record, cache = worktree.record, worktree.cache
    kept = f"look at {worktree.path}; collect() saves it"
    ref = wip_ref(record.job, record.epoch)
    saved = run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", git_dir=cache.git).text
    if not saved:
        raise NotProven(f"the work of {record.job}, attempt {record.epoch}, was never saved", hint=kept)
    found = examine(worktree, "prove")
    if found.unsaved:
        raise NotProven(f"{len(found.unsaved)} files are in no commit, the first is {found.unsaved[0]!r}", hint=kept)
    if found.tree != cache.tree_of(saved):
        raise NotProven(f"{record.job} has files that differ from what was saved of it", hint=kept)
    for tip in found.tips:
        if not (cache.has(tip) and is_ancestor(cache, tip, saved)):
            raise NotProven(f"{record.job} has a commit {tip[:12]} that was not saved", hint=kept)


def _delete(worktree: Worktree) -> None:
    record = worktree.record
    rubbish = discard(worktree.path)
    if record.mode == "pool":
        pool.give_back(worktree.cache, rubbish / "tree", rubbish / "index", record.created / 1000)
    delete_rubbish(rubbish)
    worktree.release()


def recover(root: Path, alive: Collection[tuple[str, int]] = ()) -> list[Recovered]:
    """Save, push and delete the worktrees of owners that died; `alive` attempts and those with a living owner stay.

    A worktree that cannot be saved or pushed is reported with its error and stays for the next call.
    """
    found = []
    for path in sorted((root / "jobs").iterdir()) if (root / "jobs").is_dir() else []:
        if path.name.startswith("."):
            _sweep(path)
            continue
        worktree = adopt(root, path)
        if worktree is None:
            continue
        try:
            if (worktree.record.job, worktree.record.epoch) not in alive:
                found.append(_recover(worktree))
        finally:
            worktree.release()
    return found


def _sweep(path: Path) -> None:
    """Rubbish of a crash: half deleted, or half made and older than any making takes. No job ran in it."""
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return
    if path.name.startswith(".trash-") or age > UNFINISHED_AGE:
        delete_rubbish(path)


def _recover(worktree: Worktree) -> Recovered:
    record = worktree.record
    state = Recovered(job=record.job, epoch=record.epoch, record=record)
    try:
        state = msgspec.structs.replace(state, ended=end_run(record.token))
        if not record.throwaway:
            snapshot = collect(worktree)
            state = msgspec.structs.replace(state, snapshot=snapshot)
            publish(worktree.cache, record.job, record.epoch, None, snapshot.wip)
            state = msgspec.structs.replace(state, pushed=True)
        remove(worktree)
        return msgspec.structs.replace(state, removed=True)
    except (PaddockError, OSError) as error:
        return msgspec.structs.replace(state, error=str(error))
