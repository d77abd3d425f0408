"""A project's repository, the host's cache of it, and worktrees that are let go at the end."""

import dataclasses
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paddock.workspace import RepoCache, Worktree, create, workspace_root
from support import repos

FILES = {"README.md": "# Start\n", "src/app.py": "print('one')\n", ".gitignore": "build/\n*.log\n", "docs/a.md": "a\n"}


@pytest.fixture
def root(traversable_tmp: Path) -> Path:
    return workspace_root(traversable_tmp / "workspace")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> repos.Repo:
    return repos.make_repo(tmp_path_factory.mktemp("template") / "project", files=FILES)


@pytest.fixture
def project(template: repos.Repo, tmp_path: Path) -> repos.Repo:
    """A repository with one commit and its branch checked out."""
    shutil.copytree(template.path, tmp_path / "project", symlinks=True)
    return dataclasses.replace(template, path=tmp_path / "project")


@pytest.fixture
def cache(root: Path, project: repos.Repo) -> RepoCache:
    cache = RepoCache(root, str(project.path))
    cache.resolve("main")
    return cache


Make = Callable[..., Worktree]


@pytest.fixture
def make(cache: RepoCache, project: repos.Repo) -> Iterator[Make]:
    """Makes a worktree of the project's tip: `make("plain", epoch=2)`."""
    made: list[Worktree] = []

    def one(mode: str = "auto", *, job: str = "jone", epoch: int = 1, base: str = "", **more: bool) -> Worktree:
        commit = base or project.tip()
        made.append(create(cache, job, epoch, commit, f"paddock/{job}", mode, **more))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for worktree in made:
        worktree.release()


def sh(worktree: Worktree, script: str, *args: str) -> "subprocess.CompletedProcess[str]":
    """Run a script in the worktree's box, to its end."""
    with worktree.launch(["/bin/sh", "-c", script, "sh", *args]) as ready:
        return subprocess.run(ready.argv, **ready.options(), capture_output=True, text=True, timeout=60)
