"""The host's cache of one repository: a bare git, and immutable checkouts of the commits that jobs start from."""

import contextlib
import os
import secrets
from pathlib import Path

from paddock.sandbox import delete_rubbish, probe
from paddock.workspace import remote
from paddock.workspace.errors import GitFailed, NoCommit
from paddock.workspace.git import check_ref, git, is_commit, run
from paddock.workspace.gitdir import our_git
from paddock.workspace.inside import Scene, run_script
from paddock.workspace.layout import (
    delete_tree,
    give,
    job_dir,
    locked,
    new_lock,
    repository_key,
    shared_dir,
    try_lock,
)

BASES_KEPT = 8
_CONFIG = """[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
[gc]
	auto = 0
	pruneExpire = never
"""


class Base:
    """An immutable checkout of `commit`, held (never evicted) until `release`."""

    def __init__(self, path: Path, commit: str, lock: int) -> None:
        self.path = path
        self.commit = commit
        self.tree = path / "tree"
        self.index = path / "index"
        self._lock = lock

    def release(self) -> None:
        """Let it be evicted; safe to call twice."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


class RepoCache:
    """One repository on this host, shared by every agent here. Objects are never pruned: jobs borrow them."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = remote.check_url(url)
        self.path = root / "repos" / repository_key(url)
        self.git = self.path / "git"

    @property
    def objects(self) -> Path:
        return self.git / "objects"

    def open(self) -> "RepoCache":
        """Make the bare repository if this host has none yet; no network."""
        if self.git.is_dir():
            return self
        shared_dir(self.root / "repos")
        for path in (self.path, self.path / "bases", self.path / "pool"):
            shared_dir(path)
        with locked(self.path / "lock"):
            if not self.git.is_dir():
                scratch = self.path / f".git-{secrets.token_hex(4)}"
                for part in ("objects/info", "objects/pack", "refs/heads", "refs/remotes"):
                    (scratch / part).mkdir(parents=True)
                (scratch / "HEAD").write_text("ref: refs/heads/main\n")
                (scratch / "config").write_text(_CONFIG)
                for part in ("", "objects", "objects/info", "objects/pack"):
                    (scratch / part).chmod(0o755)
                scratch.rename(self.git)
        return self

    def fetch(self) -> None:
        """Bring the branches and tags of the project's repository here; RemoteUnreachable when it does not answer."""
        self.open()
        with locked(self.path / "lock"):
            remote.fetch(
                self.git, self.url, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", prune=True
            )

    def resolve(self, ref: str, *, fresh: bool = False) -> str:
        """The commit that a branch, tag or commit id names; fetched when unknown here, or when `fresh` asks for it."""
        check_ref(ref)
        self.open()
        if fresh and not is_commit(ref):
            self.fetch()
        found = self._look_up(ref)
        if found is None:
            self.fetch()
            found = self._look_up(ref)
        if found is None and is_commit(ref):
            with contextlib.suppress(GitFailed), locked(self.path / "lock"):
                remote.fetch(self.git, self.url, ref)
            found = self._look_up(ref)
        if found is None:
            raise NoCommit(f"{self.url} has no branch or commit {ref}")
        return found

    def _look_up(self, ref: str) -> str | None:
        names = [ref] if is_commit(ref) else [f"refs/remotes/origin/{ref}", f"refs/tags/{ref}"]
        for name in names:
            done = run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", git_dir=self.git)
            if done.code == 0 and is_commit(done.text):
                return done.text
        return None

    def has(self, commit: str) -> bool:
        """Whether the commit is here, without asking the remote."""
        return is_commit(commit) and self.git.is_dir() and self._look_up(commit) is not None

    def tree_of(self, commit: str) -> str:
        """The id of the commit's tree; GitFailed when the commit is not here."""
        return git("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}", git_dir=self.git)

    def base(self, commit: str) -> Base:
        """The immutable checkout of `commit`, made once; NoCommit when neither cache nor remote have it."""
        self.open()
        held = self._hold(commit)
        if held is not None:
            return held
        if not self.has(commit):
            self.resolve(commit)
        with locked(self.path / "bases" / "lock"):
            held = self._hold(commit) or self._make_base(commit)
            self._evict()
        return held

    def _hold(self, commit: str) -> Base | None:
        path = self.path / "bases" / commit
        lock = try_lock(path / "lock", shared=True)
        if lock is None:
            return None
        os.utime(path / "lock")
        return Base(path, commit, lock)

    def _make_base(self, commit: str) -> Base:
        path = self.path / "bases" / commit
        delete_tree(path)
        scratch = shared_dir(self.path / "bases" / f".new-{secrets.token_hex(4)}")
        index = self.checkout(commit, job_dir(scratch / "tree"), scratch)
        index.rename(scratch / "index")
        lock = new_lock(scratch / "lock", shared=True)
        delete_rubbish(scratch / "git")
        scratch.rename(path)
        return Base(path, commit, lock)

    def checkout(self, commit: str, tree: Path, scratch: Path, index: Path | None = None) -> Path:
        """Make `tree` exactly `commit` in a box, with a git directory made in `scratch`; gives the index's path.

        `index` is the index of what the tree holds now, moved from there.
        """
        (tree / ".git").mkdir(exist_ok=True)
        give(tree / ".git")
        contained = probe(self.root).cls == "contained"
        scene = Scene(root=self.root, tree=tree, ours=scratch / "git", objects=self.objects, contained=contained)
        our_git(scene.ours, commit, scene.alternates())
        if index is not None:
            index.rename(scene.ours / "index")
        done = run_script(scene, "checkout.sh", commit, empty=scratch)
        if done.returncode != 0:
            raise GitFailed(
                f"{commit[:12]} could not be checked out: {done.stderr.decode(errors='replace').strip()[-300:]}"
            )
        return scene.ours / "index"

    def _evict(self) -> None:
        """Drop the checkouts nobody used for longest, and what a crash left half made."""
        for path in (self.path / "bases").glob(".*"):
            if path.is_dir():
                delete_rubbish(path)
        locks = sorted((self.path / "bases").glob("*/lock"), key=lambda lock: -lock.stat().st_mtime)
        for lock in locks[BASES_KEPT:]:
            held = try_lock(lock)
            if held is not None:
                delete_tree(lock.parent)
                os.close(held)
