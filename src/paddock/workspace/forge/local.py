"""A plain git remote: publish what an attempt wrote, move a branch, look at a repository and its working tree."""

from pathlib import Path
from typing import Literal

import msgspec

from paddock.sandbox import User
from paddock.workspace.cache import RepoCache
from paddock.workspace.collect import wip_ref
from paddock.workspace.errors import (
    BranchMoved,
    DetachedHead,
    EmptyRepository,
    GitFailed,
    NoRepository,
    RemoteRefused,
    RemoteUnreachable,
    Replaced,
    TreeDirty,
)
from paddock.workspace.git import Done, check_ref, git, run
from paddock.workspace.layout import locked
from paddock.workspace.remote import as_user, check_url, failure, fetch, local_path, ls_remote, push

RETRIES = 3
TreeState = Literal["clean", "dirty", "bare", "not checked out"]


class Repository(msgspec.Struct, frozen=True):
    """A project's repository: its default branch and the commit there."""

    branch: str
    head: str


class Published(msgspec.Struct, frozen=True):
    """What is in the project's repository now; `head` is None when the attempt changed nothing."""

    branch: str
    head: str | None
    wip_ref: str
    wip: str


def publish(
    cache: RepoCache, job: str, epoch: int, head: str | None, wip: str, *, url: str = "", branch: str = ""
) -> Published:
    """Push the wip ref and, when there is a change, branch `paddock/<job>`, both or neither.

    Replaced when a later attempt's commit is on the branch; RemoteRefused, RemoteUnreachable. Safe to repeat.
    """
    url = url or cache.url
    branch = check_ref(branch or f"paddock/{job}")
    saved, target = check_ref(wip_ref(job, epoch)), f"refs/heads/{branch}"
    done: Done | None = None
    for _ in range(RETRIES):
        refspecs, leases = [f"+{wip}:{saved}"], {}
        if head is not None:
            there = ls_remote(url, target).get(target, "")
            if there and there != head:
                _check_not_replaced(cache, url, target, epoch)
            refspecs.append(f"+{head}:{target}")
            leases = {target: there}
        done = push(cache.git, url, refspecs, leases)
        if done.code == 0:
            return Published(branch, head, saved, wip)
        if not _stale(done):
            break
    raise _refusal(url, done) if done else RemoteRefused()


def _check_not_replaced(cache: RepoCache, url: str, target: str, epoch: int) -> None:
    with locked(cache.path / "lock"):
        fetch(cache.git, url, f"+{target}:refs/paddock/seen/{target.removeprefix('refs/heads/')}")
    seen = f"refs/paddock/seen/{target.removeprefix('refs/heads/')}"
    text = git("log", "-1", "--format=%(trailers:key=Paddock-Epoch,valueonly)", seen, git_dir=cache.git)
    epochs = [int(line) for line in text.split() if line.isdigit()]
    if epochs and max(epochs) > epoch:
        raise Replaced(f"attempt {max(epochs)} has published this job; attempt {epoch} was replaced")


def move_branch(cache: RepoCache, branch: str, old: str, new: str, *, url: str = "") -> None:
    """Move a branch of the project's repository from `old` to `new`, only if it is still at `old`.

    A clean working tree that has the branch checked out moves along. BranchMoved, TreeDirty, RemoteRefused.
    """
    url = url or cache.url
    target = f"refs/heads/{check_ref(branch)}"
    done = push(cache.git, url, [f"{new}:{target}"], {target: old}, atomic=False)
    if done.code == 0:
        return
    error = _refusal(url, done)
    if isinstance(error, RemoteRefused | BranchMoved):
        there = ls_remote(url, target).get(target, "")
        if there == new:
            return
        if there != old:
            raise BranchMoved(f"{branch} of {url} is at {there[:12] or 'nothing'} now, not at {old[:12]}")
    raise error


def _stale(done: Done) -> bool:
    return b"(stale info)" in done.out or b"cannot lock ref" in done.out or b"(fetch first)" in done.out


def _refusal(
    url: str, done: Done
) -> GitFailed | RemoteUnreachable | NoRepository | RemoteRefused | TreeDirty | BranchMoved:
    lines = [line.split("\t") for line in done.out.decode(errors="replace").splitlines() if line.startswith("!")]
    reasons = [fields[-1] for fields in lines]
    if not reasons:
        return failure(url, done)
    telling = next((reason for reason in reasons if "atomic" not in reason), reasons[0])
    if _stale(done):
        return BranchMoved(f"{url} moved in the meantime: {telling}")
    if any(sign in telling for sign in ("unstaged changes", "staged changes", "untracked", "Could not update working")):
        return TreeDirty(f"{url} has changes in its working tree that are not committed")
    remote = [line.removeprefix("remote:").strip() for line in done.err.splitlines() if line.startswith("remote:")]
    said = "; ".join(line for line in remote if line)[:300]
    return RemoteRefused(f"{url} refused the push: {telling}{f' ({said})' if said else ''}")


def check_repository(url: str) -> Repository:
    """The default branch and its commit; NoRepository, EmptyRepository, DetachedHead or RemoteUnreachable else."""
    path = local_path(check_url(url))
    if path is not None and not path.is_dir():
        raise NoRepository(f"there is no git repository at {path}")
    refs = ls_remote(url, symref=True)
    if not any(name.startswith("refs/heads/") for name in refs):
        raise EmptyRepository(f"{url} has no commits yet")
    named = refs.get("@HEAD", "").removeprefix("refs/heads/")
    if not named:
        raise DetachedHead(f"{url} has no branch checked out")
    head = refs.get(f"refs/heads/{named}")
    if head is None:
        raise EmptyRepository(f"{url} has no commits on its default branch {named}")
    return Repository(named, head)


def working_tree_state(path: Path, branch: str) -> TreeState:
    """Whether a local repository, or a worktree linked to it, has `branch` checked out, and whether that is clean."""
    user = as_user(path)
    listing = _local(path, user, "worktree", "list", "--porcelain", "-z")
    entries = [entry.split("\0") for entry in listing.split("\0\0") if entry]
    if len(entries) == 1 and "bare" in entries[0]:
        return "bare"
    for fields in entries:
        if f"branch refs/heads/{branch}" in fields:
            tree = Path(fields[0].removeprefix("worktree "))
            changed = _local(tree, user, "status", "--porcelain", "--untracked-files=no")
            return "dirty" if changed else "clean"
    return "not checked out"


def _local(path: Path, user: User | None, *args: str) -> str:
    # As the owner of the repository, with its own configuration: it is his project and his git.
    env = {"GIT_CONFIG_GLOBAL": "/dev/null"} if user else {}
    done = run("-C", str(path), *args, user=user, env=env)
    if done.code != 0:
        raise failure(str(path), done)
    return done.out.decode(errors="surrogateescape")
