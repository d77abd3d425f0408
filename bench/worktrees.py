"""A worktree of 50,000 files, boxed and ready: by overlay, from the pool, plain; and plain git beside them."""

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.place import Place
from bench.report import Limit, Report, say
from bench.repository import git, make
from paddock.sandbox import probe
from paddock.workspace import RepoCache, create, remove, workspace_root

FILES, FILE_BYTES = 50_000, 6_000
COUNTS = {"plain": 2, "pool": 7, "overlay": 15}
QUICK_COUNT = 2
TOUCHED = 20
Mode = Literal["overlay", "pool", "plain"]


@dataclass(frozen=True)
class Took:
    """Milliseconds until a worktree was made, until its first boxed command had ended, and MB of disk it then used."""

    made_ms: float
    ready_ms: float
    disk_mb: float


def measure(place: Place) -> Report:
    """Wall time from the call to the end of `/bin/true` in the box; between runs a job's edits are made and undone."""
    files = 500 if place.quick else FILES
    counts = dict.fromkeys(COUNTS, QUICK_COUNT) if place.quick else COUNTS
    say(f"worktrees: making a repository of {files:,} files")
    repository = place.path / "repository"
    commit = make(repository, files, FILE_BYTES)
    root = workspace_root(place.folder("work"))
    try:
        figures = _figures(RepoCache(root, str(repository)), commit, counts)
    finally:
        if not root.is_relative_to(place.path):
            shutil.rmtree(root)
    say("worktrees: plain git")
    floor = _plain_git(place, repository, commit, counts["plain"])
    budget = {"overlay_ready_ms_median": Limit(most=30.0), "overlay_disk_mb": Limit(most=8.0)}
    contained = probe(root if root.exists() else None)
    return Report(
        name="worktrees",
        about=f"{files:,} files, {files * FILE_BYTES // 1_000_000} MB",
        figures=figures,
        floor=floor,
        budget={**budget, "pool_ready_ms_median": Limit(most=300.0)},
        runs=counts["overlay"],
        notes=(
            f"{counts['overlay']} overlays, {counts['pool']} from the pool, {counts['plain']} plain and by plain git",
            *((f"no overlays on this host: {contained.reason}",) if not contained.overlay else ()),
        ),
    )


def _figures(cache: RepoCache, commit: str, counts: Mapping[str, int]) -> dict[str, float]:
    out: dict[str, float] = {}
    modes: tuple[Mode, ...] = ("plain", "pool", "overlay")
    cache.resolve(commit)
    for mode in modes:
        if mode == "overlay":
            if not probe(cache.root).overlay:
                continue
            say("worktrees: the base that overlays share")
            began = time.perf_counter()
            cache.base(commit).release()
            out["overlay_base_ms_once"] = (time.perf_counter() - began) * 1e3
        say(f"worktrees: {mode}")
        if mode == "pool":
            _one(cache, commit, mode, 0)  # its checkout fills the pool
        took = [_one(cache, commit, mode, epoch + 1) for epoch in range(counts[mode])]
        out[f"{mode}_made_ms_median"] = statistics.median(one.made_ms for one in took)
        out[f"{mode}_ready_ms_median"] = statistics.median(one.ready_ms for one in took)
        out[f"{mode}_ready_ms_min"] = min(one.ready_ms for one in took)
        out[f"{mode}_disk_mb"] = statistics.median(one.disk_mb for one in took)
    return out


def _one(cache: RepoCache, commit: str, mode: Mode, epoch: int) -> Took:
    began = time.perf_counter()
    worktree = create(cache, f"bench-{mode}", epoch, commit, f"paddock/bench-{mode}", mode, throwaway=True)
    made = time.perf_counter()
    try:
        with worktree.launch(["/bin/true"]) as launch:
            subprocess.run(launch.argv, **launch.options(), check=True, timeout=60)
        ready = time.perf_counter()
        took = Took((made - began) * 1e3, (ready - began) * 1e3, disk_mb(worktree.path))
        edits = "; ".join(f"echo changed >> d0/f{at}.txt" for at in range(TOUCHED))
        with worktree.launch(["/bin/sh", "-c", edits]) as launch:
            subprocess.run(launch.argv, **launch.options(), check=True, timeout=60)
    finally:
        remove(worktree)
    return took


def _plain_git(place: Place, repository: Path, commit: str, count: int) -> dict[str, float]:
    took, used = [], 0.0
    for at in range(count):
        path = place.path / f"plain-{at}"
        began = time.perf_counter()
        git(repository, "worktree", "add", "--quiet", "--detach", str(path), commit)
        took.append((time.perf_counter() - began) * 1e3)
        used = disk_mb(path) + disk_mb(repository / "worktrees" / path.name)
        shutil.rmtree(path)
    return {"git_worktree_add_ms_median": statistics.median(took), "git_worktree_add_disk_mb": used}


def disk_mb(path: Path) -> float:
    """What a tree occupies on disk, in MB of 10^6 bytes."""
    total, folders = 0, [str(path)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                total += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return total / 1e6
