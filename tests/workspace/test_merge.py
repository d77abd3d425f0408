"""Merging in the cache, without a worktree."""

import pytest

from paddock.workspace import Conflict, Merged, RepoCache, contains, is_ancestor, merge
from paddock.workspace.errors import GitFailed
from paddock.workspace.git import git
from support import repos


def test_two_sides_are_joined_and_the_branch_stays(cache: RepoCache, project: repos.Repo) -> None:
    base = project.tip()
    ours = project.commit({"ours": "1\n"})
    project.git("update-ref", "refs/heads/side", base)
    theirs = repos.Repo(project.path, "side", ()).commit({"theirs": "2\n"})
    cache.fetch()
    done = merge(cache, ours, theirs, "Merge side")
    assert isinstance(done, Merged)
    shown = git("show", "-s", "--format=%P %T %s", done.commit, git_dir=cache.git)
    assert shown == f"{ours} {theirs} {done.tree} Merge side"
    assert git("ls-tree", "--name-only", done.tree, "ours", "theirs", git_dir=cache.git).split() == ["ours", "theirs"]
    assert contains(cache, done.commit, theirs)
    assert not contains(cache, ours, theirs)
    assert is_ancestor(cache, base, ours)
    assert project.tip() == ours


def test_a_conflict_names_its_paths(cache: RepoCache, project: repos.Repo) -> None:
    base = project.tip()
    ours = project.commit({"README.md": "ours\n"})
    project.git("update-ref", "refs/heads/side", base)
    theirs = repos.Repo(project.path, "side", ()).commit({"README.md": "theirs\n"})
    cache.fetch()
    assert merge(cache, ours, theirs, "x") == Conflict(["README.md"])


def test_an_unknown_commit_is_an_error(cache: RepoCache, project: repos.Repo) -> None:
    with pytest.raises(GitFailed):
        merge(cache, project.tip(), "1" * 40, "x")
    with pytest.raises(GitFailed):
        is_ancestor(cache, project.tip(), "1" * 40)
