"""One attempt's own worktree: its layers or checkout, its private git directory, and the record that outlives us."""

import contextlib
import os
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from paddock.sandbox import (
    Bind,
    Box,
    Ceiling,
    Launch,
    NotContained,
    Overlay,
    delete_rubbish,
    job_user,
    launch,
    probe,
    uncontained,
)
from paddock.sandbox.box import WORKSPACE
from paddock.workspace import pool
from paddock.workspace.cache import Base, RepoCache
from paddock.workspace.errors import BadRef, WorkspaceError, WorktreeExists
from paddock.workspace.git import check_ref, is_commit
from paddock.workspace.gitdir import OBJECTS, job_git, place_index
from paddock.workspace.layout import give, job_dir, new_lock, shared_dir, try_lock, write_atomic

Mode = Literal["overlay", "pool", "plain"]
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """job.json: all that is needed to save what a dead run wrote."""

    job: str
    epoch: int
    url: str
    branch: str
    base: str
    mode: Mode
    token: str  # names the private git directory, so that a process of this run can be told from all others
    created: int  # epoch milliseconds, before the job could first write
    throwaway: bool = False  # what it holds is never work: a check of a commit that exists
    contained: bool = True


class Worktree:
    """A worktree held by this process (`lock`) until `release` or `remove`."""

    def __init__(self, root: Path, path: Path, record: Record, lock: int, base: Base | None) -> None:
        self.root = root
        self.path = path
        self.record = record
        self.cache = RepoCache(root, record.url)
        self._lock = lock
        self._base = base

    @property
    def tree(self) -> Path:
        """The checkout; for an overlay only the mountpoint, empty on the host."""
        return self.path / "tree"

    @property
    def git(self) -> Path:
        return self.path / f"git-{self.record.token}"

    @property
    def written(self) -> Path:
        """The host's directory that holds what the job wrote: the upper layer, or the whole checkout."""
        return self.path / "upper" if self.record.mode == "overlay" else self.tree

    def pristine_index(self) -> Path:
        """The index as it was before the job could write."""
        self.overlay()
        return self._base.index if self._base is not None else self.path / "index"

    def overlay(self) -> Overlay | None:
        """The layers, for a box; brings the base back if it was evicted after its owner died."""
        if self.record.mode != "overlay":
            return None
        if self._base is None:
            self._base = self.cache.base(self.record.base)
        base, mine = (path.relative_to(self.root) for path in (self._base.tree, self.path))
        return Overlay(str(base), f"{mine}/upper", f"{mine}/work")

    def box(
        self,
        env: dict[str, str] | None = None,
        tools: Sequence[Path] = (),
        binds: Sequence[Bind] = (),
        cwd: str = "",
        way_out: int | None = None,
        ceiling: Ceiling | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Box:
        """The job's box: the tree with a pinned `.git` whose configuration and hooks it cannot change."""
        inside = WORKSPACE / cwd
        if ".." in inside.parts or not inside.is_relative_to(WORKSPACE):
            raise WorkspaceError(f"{cwd!r} is not a directory of the worktree")
        dot_git = WORKSPACE / ".git"
        pinned = (
            Bind(self.git, dot_git, writable=True),
            Bind(self.git / "config", dot_git / "config"),
            Bind(self.git / "hooks", dot_git / "hooks"),
            Bind(self.cache.objects, OBJECTS),
        )
        return Box(
            root=self.root,
            tree=self.tree,
            user=job_user(),
            overlay=self.overlay(),
            binds=(*pinned, *binds),
            tools=tuple(tools),
            stage=self.path / "stage",
            env=env or {},
            files=files or {},
            label=self.record.token,
            cwd=inside,
            way_out=way_out,
            ceiling=ceiling or Ceiling(),
        )

    def launch(
        self,
        argv: Sequence[str],
        *,
        env: dict[str, str] | None = None,
        tools: Sequence[Path] = (),
        binds: Sequence[Bind] = (),
        cwd: str = "",
        way_out: int | None = None,
        ceiling: Ceiling | None = None,
        files: Mapping[str, bytes] | None = None,
        stdin: bytes | None = None,
        reports: bool = False,
    ) -> Launch:
        """`argv` ready to spawn on this worktree: in a box, or without one if it was created `degraded`.

        Who wants a report must read it until the run has ended.
        """
        if self.record.contained:
            box = self.box(env, tools, binds, cwd, way_out, ceiling, files)
            return launch(msgspec.structs.replace(box, reports=reports, stdin=stdin), argv)
        home = self.path / "home"
        if not home.exists():
            job_dir(home)
        box = self.box({"HOME": str(home)} | (env or {}), tools, binds)
        return uncontained(msgspec.structs.replace(box, tree=self.tree / cwd), argv, degraded=True)

    def out_dir(self) -> Bind:
        """A directory for what the run reports beside its tree (JUnit files), seen as /paddock/out."""
        path = self.path / "out"
        if not path.exists():
            job_dir(path)
        return Bind(path, Path("/paddock/out"), writable=True)

    def socket_dir(self) -> Bind:
        """A directory for the socket that the run talks to its agent through, seen as /paddock/agent."""
        path = self.path / "agent"
        if not path.exists():
            job_dir(path)
        return Bind(path, Path("/paddock/agent"))

    def result_dir(self) -> Bind:
        """A directory in which the run may leave what it has to tell, seen as /paddock/result."""
        path = self.path / "result"
        if not path.exists():
            job_dir(path)
        return Bind(path, Path("/paddock/result"), writable=True)

    def release(self) -> None:
        """Let go of the worktree and keep it on disk; recover() takes it from there."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)
        if self._base is not None:
            self._base.release()


def create(
    cache: RepoCache,
    job: str,
    epoch: int,
    base: str,
    branch: str,
    mode: Literal["auto", "overlay", "pool", "plain"] = "auto",
    *,
    throwaway: bool = False,
    degraded: bool = False,
) -> Worktree:
    """A worktree of `base` for one attempt, on `branch`; the cache must have, or be able to fetch, the commit.

    NotContained on a host without boxes unless `degraded`; WorktreeExists when the attempt has one here.
    """
    if not _NAME.fullmatch(job) or epoch < 0 or not is_commit(base):
        raise BadRef(f"{job!r}, epoch {epoch}, {base!r} do not name an attempt and a commit")
    check_ref(branch)
    contained = _containment(cache.root, degraded)
    chosen = _mode(cache.root, mode, contained)
    cache.open()
    held = cache.base(base) if chosen == "overlay" else None
    scratch = shared_dir(cache.root / "jobs" / f".new-{secrets.token_hex(6)}")
    lock = new_lock(scratch / "lock")
    try:
        mode_used = _fill(cache, scratch, base, chosen, held)
        record = Record(
            job=job, epoch=epoch, url=cache.url, branch=branch, base=base, mode=mode_used, contained=contained,
            token=secrets.token_hex(12), created=time.time_ns() // 1_000_000, throwaway=throwaway,
        )  # fmt: skip
        _give_git(cache, scratch, record, held)
        write_atomic(scratch / "job.json", msgspec.json.encode(record))
        path = cache.root / "jobs" / f"{job}-{epoch}"
        _settle(scratch, path)
    except BaseException:
        os.close(lock)
        if held is not None:
            held.release()
        delete_rubbish(scratch)
        raise
    if not contained:
        (path / "tree" / ".git").rmdir()
        (path / "tree" / ".git").write_text(f"gitdir: {path / f'git-{record.token}'}\n")
    return Worktree(cache.root, path, record, lock, held)


def _containment(root: Path, degraded: bool) -> bool:
    found = probe(root)
    if found.cls == "none" and not degraded:
        raise NotContained(f"this host cannot contain a job: {found.reason}", hint=found.hint)
    return found.cls == "contained"


def _mode(root: Path, mode: str, contained: bool) -> Mode:
    if not contained:
        return "plain"
    if mode == "auto":
        return "overlay" if probe(root).overlay else "pool"
    if mode == "overlay":
        return "overlay"
    return "pool" if mode == "pool" else "plain"


def _fill(cache: RepoCache, path: Path, base: str, mode: Mode, held: Base | None) -> Mode:
    """Make the files of the worktree; the index of a checkout goes to `path`/index."""
    if held is not None:
        job_dir(path / "upper")
        job_dir(path / "work")
        (path / "tree").mkdir()
        return mode
    if not cache.has(base):
        cache.resolve(base)
    if mode == "pool" and pool.take(cache, path, base):
        return mode
    job_dir(path / "tree")
    cache.checkout(base, path / "tree", shared_dir(path / "made")).rename(path / "index")
    return mode


def _give_git(cache: RepoCache, path: Path, record: Record, held: Base | None) -> None:
    git = path / f"git-{record.token}"
    job_git(git, record.branch, record.base, [OBJECTS if record.contained else cache.objects])
    place_index(held.index if held else path / "index", git / "index", record.created / 1000)


def _settle(scratch: Path, path: Path) -> None:
    if path.exists():
        raise WorktreeExists(f"{path.name} has a worktree on this host already")
    with contextlib.suppress(FileNotFoundError):
        give(scratch / "tree" / ".git")
    try:
        scratch.rename(path)
    except OSError as error:
        raise WorktreeExists(f"{path.name} has a worktree on this host already") from error


def adopt(root: Path, path: Path) -> Worktree | None:
    """Take over the worktree of an owner that died; None while it lives, or when the directory was never finished."""
    lock = try_lock(path / "lock")
    if lock is None:
        return None
    try:
        record = msgspec.json.decode((path / "job.json").read_bytes(), type=Record)
    except (FileNotFoundError, msgspec.MsgspecError):
        os.close(lock)
        return None
    return Worktree(root, path, record, lock, None)
