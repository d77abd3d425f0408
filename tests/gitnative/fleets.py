"""Remotes and agents for tests."""

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from gitnative.taskfiles import path_of, task_text
from paddock.gitnative.fleet import Agent, Fleet
from paddock.gitnative.home import Home
from paddock.gitnative.remote import Remote
from support.repos import Repo, git, make_repo

T = TypeVar("T")


def remote_with(path: Path, tasks: int | Iterable[str] = 3, **files: str) -> Repo:
    """A bare repository with tasks: so many alike, or these texts (`TASK-001` and so on)."""
    texts = [task_text(f"TASK-{n:03}") for n in range(1, tasks + 1)] if isinstance(tasks, int) else list(tasks)
    placed = {path_of(f"TASK-{n:03}"): text for n, text in enumerate(texts, 1)}
    return make_repo(path, 1, bare=True, files={**placed, "README.md": "# Shop\n", **files})


def fleet_at(repo: Repo | str, home: Path, *, seed: int = 1, process: bool = False) -> Fleet:
    """A fleet of one host; pauses are none, since no test waits for its own rivals."""
    url = repo if isinstance(repo, str) else str(repo.path)
    return Fleet(Remote(url, process=process), Home(home, url), rng=random.Random(seed), pause=lambda _seconds: None)


def agents(count: int) -> list[Agent]:
    """So many agents."""
    return [Agent(name=f"agent-{number:03}") for number in range(count)]


def at_once(works: Sequence[Callable[[], T]]) -> list[T]:
    """What each of some works gives; all begin at the same moment."""
    barrier = threading.Barrier(len(works))

    def begin(work: Callable[[], T]) -> T:
        barrier.wait(30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(begin, works))


def refs_of(repo: Repo, below: str = "refs/paddock") -> dict[str, str]:
    """Refs by name."""
    rows = git(repo.path, "for-each-ref", "--format=%(refname) %(objectname)", below).splitlines()
    return dict(row.split(" ") for row in rows)
