"""What runs were seen to have written, and where each byte of it is in the end."""

import hashlib
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from chaos.loop_jobs import WORK
from support.fleet import Fleet
from support.repos import IDENTITY


class Books:
    """Files of runs as they lay on the disk at some moment, by git's name for their bytes."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        # Blob → where it was seen.
        self.seen: dict[str, str] = {}
        self._known: set[tuple[str, int]] = set()

    def look(self) -> None:
        """Notes what lies in the worktrees now."""
        for path in _written(self._fleet.work / "jobs"):
            try:
                key = (str(path), path.stat().st_mtime_ns)
                if key in self._known:
                    continue
                blob = _blob(path)
            except OSError:  # moved away meanwhile
                continue
            self._known.add(key)
            self.seen.setdefault(blob, str(path.relative_to(self._fleet.work)))

    def close(self) -> tuple[Counter[str], list[str]]:
        """How many of the files are where, and those that are nowhere."""
        project = _objects(self._fleet.repo.path)
        caches = set[str]()
        for cache in (self._fleet.work / "repos").glob("*/git"):
            caches |= _objects(cache)
        kept = {_blob(path) for path in _written(self._fleet.work / "jobs")}
        count: Counter[str] = Counter()
        lost = []
        for blob, place in self.seen.items():
            where = "project" if blob in project else "cache" if blob in caches else "kept" if blob in kept else "lost"
            count[where] += 1
            if where == "lost":
                lost.append(f"{place} ({blob[:12]})")
        return count, lost


def _written(jobs: Path) -> Iterator[Path]:
    """The files with work in all worktrees, the half deleted ones too: until those are gone they may be looked into."""
    for job in jobs.iterdir() if jobs.is_dir() else ():
        try:
            if json.loads((job / "job.json").read_bytes()).get("throwaway"):
                continue
        except (OSError, ValueError):
            continue
        for part in ("upper", "tree"):
            for folder, _, names in os.walk(job / part):
                yield from (Path(folder, name) for name in names if name.startswith(WORK))


def _blob(path: Path) -> str:
    """Git's name for the bytes of a file."""
    raw = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw).hexdigest()


def _objects(git_dir: Path) -> set[str]:
    """Every object that a ref of the repository leads to. Raises: AssertionError where one is missing."""
    return {line.split()[0] for line in _git("--git-dir", str(git_dir), "rev-list", "--objects", "--all").splitlines()}


def broken(git_dir: Path) -> str:
    """What git finds wrong with a repository; empty when all is well."""
    done = subprocess.run(
        ["git", "--git-dir", str(git_dir), "fsck", "--connectivity-only", "--no-dangling", "--no-progress"],
        capture_output=True,
        text=True,
        env={**os.environ, **IDENTITY},
    )
    return "" if done.returncode == 0 else done.stderr.strip()[:500]


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, env={**os.environ, **IDENTITY})
    if done.returncode:
        raise OSError(f"git {words[0]}: {done.stderr.strip()[:300]}")
    return done.stdout
