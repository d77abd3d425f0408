"""Merging in the bare cache, with no worktree: git merge-tree and commit-tree on clean objects."""

import os

import msgspec

from paddock.workspace.cache import RepoCache
from paddock.workspace.errors import GitFailed
from paddock.workspace.git import git, last_words, run


class Merged(msgspec.Struct, frozen=True):
    """A merge commit in the cache, on no branch yet."""

    commit: str
    tree: str


class Conflict(msgspec.Struct, frozen=True):
    """The paths that both sides changed in ways git cannot join."""

    paths: list[str]


def merge(cache: RepoCache, base_tip: str, head: str, message: str) -> Merged | Conflict:
    """`head` merged onto `base_tip` (first parent); both are in the cache. GitFailed for unrelated histories."""
    done = run("merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", base_tip, head, git_dir=cache.git)
    if done.code not in (0, 1) or not done.out:
        raise GitFailed(f"git could not merge: {last_words(done.err)}")
    tree, *names = (os.fsdecode(field) for field in done.out.split(b"\0") if field)
    if done.code == 1:
        return Conflict(list(dict.fromkeys(names)))
    parents = ("-p", base_tip, "-p", head)
    commit = git("commit-tree", tree, *parents, "-F", "-", git_dir=cache.git, stdin=message.strip().encode() + b"\n")
    return Merged(commit, tree)


def seal(cache: RepoCache, tip: str, last: str, message: str) -> str:
    """One commit on `tip` with the tree of `last`, which is its second parent; on no branch yet."""
    tree = cache.tree_of(last)
    return git("commit-tree", tree, "-p", tip, "-p", last, "-F", "-", git_dir=cache.git, stdin=message.encode())


def is_ancestor(cache: RepoCache, older: str, newer: str) -> bool:
    """Whether `newer` contains `older`; GitFailed when either is not in the cache."""
    done = run("merge-base", "--is-ancestor", "--end-of-options", older, newer, git_dir=cache.git)
    if done.code not in (0, 1):
        raise GitFailed(f"git could not compare the commits: {last_words(done.err)}")
    return done.code == 0


def contains(cache: RepoCache, tip: str, head: str) -> bool:
    """Whether `head` is on the branch whose tip is `tip`."""
    return is_ancestor(cache, head, tip)
