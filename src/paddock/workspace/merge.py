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
    return Merged(joined(cache, tree, [base_tip, head], message.strip() + "\n"), tree)


def half_merged(cache: RepoCache, head: str, tip: str, message: str) -> tuple[str, list[str]]:
    """A commit of `tip` merged into `head` as far as git can, on no branch, and the paths with conflict markers."""
    words = ("--write-tree", "--no-messages", "--name-only", "-z", head, tip)
    done = run("merge-tree", *words, git_dir=cache.git)
    if done.code not in (0, 1) or not done.out:
        raise GitFailed(f"git could not merge: {last_words(done.err)}")
    tree, *names = (os.fsdecode(field) for field in done.out.split(b"\0") if field)
    return joined(cache, tree, [head, tip], message), list(dict.fromkeys(names)) if done.code else []


def joined(cache: RepoCache, tree: str, parents: list[str], message: str) -> str:
    """A commit of a tree, on no branch yet."""
    words = [word for parent in parents for word in ("-p", parent)]
    return git("commit-tree", tree, *words, "-F", "-", git_dir=cache.git, stdin=message.encode())


def marked(cache: RepoCache, commit: str, paths: list[str]) -> list[str]:
    """Those of the paths that still hold a line which begins or ends a conflict."""
    if not paths:
        return []
    words = ("-l", "-z", "-E", "-e", "^(<{7}|>{7})( |$)", commit, "--", *(f":(literal){path}" for path in paths))
    done = run("grep", *words, git_dir=cache.git)
    if done.code not in (0, 1):
        raise GitFailed(f"git could not look for conflict markers: {last_words(done.err)}")
    return [os.fsdecode(name).partition(":")[2] for name in done.out.split(b"\0") if name]


def seal(cache: RepoCache, tip: str, last: str, message: str) -> str:
    """One commit on `tip` with the tree of `last`, which is its second parent; on no branch yet."""
    return joined(cache, cache.tree_of(last), [tip, last], message)


def is_ancestor(cache: RepoCache, older: str, newer: str) -> bool:
    """Whether `newer` contains `older`; GitFailed when either is not in the cache."""
    done = run("merge-base", "--is-ancestor", "--end-of-options", older, newer, git_dir=cache.git)
    if done.code not in (0, 1):
        raise GitFailed(f"git could not compare the commits: {last_words(done.err)}")
    return done.code == 0


def contains(cache: RepoCache, tip: str, head: str) -> bool:
    """Whether `head` is on the branch whose tip is `tip`."""
    return is_ancestor(cache, head, tip)
