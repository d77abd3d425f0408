"""Publishing to, and moving branches of, a plain git remote."""

import os
from pathlib import Path

import pytest

from paddock.core.errors import BadInput
from paddock.workspace import RepoCache, check_repository, move_branch, publish, wip_ref, working_tree_state
from paddock.workspace.errors import (
    BranchMoved,
    DetachedHead,
    EmptyRepository,
    NoCommit,
    NoRepository,
    RemoteRefused,
    RemoteUnreachable,
    Replaced,
    TreeDirty,
)
from paddock.workspace.git import git
from support import repos


def commit(cache: RepoCache, parent: str, text: str, epoch: int = 1) -> str:
    """A commit in the cache that adds one file, with the trailers of an attempt."""
    blob = git("hash-object", "-w", "--stdin", git_dir=cache.git, stdin=text.encode())
    tree = git("mktree", git_dir=cache.git, stdin=f"100644 blob {blob}\tfile\n".encode())
    message = f"Change\n\nPaddock-Job: jone\nPaddock-Epoch: {epoch}\n".encode()
    return git("commit-tree", tree, "-p", parent, "-F", "-", git_dir=cache.git, stdin=message)


def test_publishing_twice_is_harmless(cache: RepoCache, project: repos.Repo) -> None:
    head = commit(cache, project.tip(), "1")
    for _ in range(2):
        done = publish(cache, "jone", 1, head, head)
    assert (done.branch, project.tip(done.branch), project.tip(done.wip_ref)) == ("paddock/jone", head, head)


def test_a_later_attempt_takes_the_branch_and_an_earlier_one_cannot(cache: RepoCache, project: repos.Repo) -> None:
    heads = {epoch: commit(cache, project.tip(), str(epoch), epoch) for epoch in (1, 2, 3)}
    publish(cache, "jone", 1, heads[1], heads[1])
    publish(cache, "jone", 3, heads[3], heads[3])
    with pytest.raises(Replaced, match="attempt 3"):
        publish(cache, "jone", 2, heads[2], heads[2])
    assert project.tip("paddock/jone") == heads[3]
    assert project.tip(wip_ref("jone", 2)) == ""


def test_work_without_a_change_is_saved_without_a_branch(cache: RepoCache, project: repos.Repo) -> None:
    publish(cache, "jone", 1, None, project.tip())
    assert project.tip(wip_ref("jone", 1)) == project.tip()
    assert project.tip("paddock/jone") == ""


def test_a_hook_that_refuses_is_quoted(cache: RepoCache, project: repos.Repo) -> None:
    hook = project.path / ".git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not on Fridays >&2\nexit 1\n")
    hook.chmod(0o755)
    head = commit(cache, project.tip(), "1")
    with pytest.raises(RemoteRefused, match="not on Fridays"):
        publish(cache, "jone", 1, head, head)
    with pytest.raises(RemoteRefused):
        move_branch(cache, "main", project.tip(), head)


def test_a_clean_checked_out_tree_moves_along(cache: RepoCache, project: repos.Repo) -> None:
    old = project.tip()
    new = commit(cache, old, "merged")
    assert working_tree_state(project.path, "main") == "clean"
    move_branch(cache, "main", old, new)
    assert project.tip() == new
    assert (project.path / "file").read_text() == "merged"
    assert project.git("status", "--porcelain") == ""
    move_branch(cache, "main", old, new)  # done already


def test_a_dirty_tree_is_left_alone(cache: RepoCache, project: repos.Repo) -> None:
    (project.path / "README.md").write_text("mine\n")
    old = project.tip()
    assert working_tree_state(project.path, "main") == "dirty"
    with pytest.raises(TreeDirty):
        move_branch(cache, "main", old, commit(cache, old, "x"))
    assert (project.path / "README.md").read_text() == "mine\n"
    assert project.tip() == old


def test_a_branch_that_moved_is_not_moved_back(cache: RepoCache, project: repos.Repo) -> None:
    old = project.tip()
    project.git("checkout", "-q", "--detach")
    theirs = project.commit({"theirs": "x"})
    with pytest.raises(BranchMoved, match=theirs[:12]):
        move_branch(cache, "main", old, commit(cache, old, "x"))
    assert project.tip() == theirs


def test_a_branch_nobody_has_checked_out(cache: RepoCache, project: repos.Repo, tmp_path: Path) -> None:
    project.git("branch", "other")
    assert working_tree_state(project.path, "other") == "not checked out"
    project.git("worktree", "add", "-q", str(tmp_path / "linked"), "other")
    assert working_tree_state(project.path, "other") == "clean"
    bare = repos.make_repo(tmp_path / "bare", bare=True)
    assert working_tree_state(bare.path, "main") == "bare"
    old = bare.tip()
    there = RepoCache(cache.root, f"file://{bare.path}")
    there.resolve("main")
    new = commit(there, old, "x")
    move_branch(there, "main", old, new)
    assert bare.tip() == new


@pytest.mark.skipif(os.geteuid() != 0, reason="only root serves other people's repositories")
def test_root_leaves_no_files_of_its_own_in_somebodys_repository(root: Path, traversable_tmp: Path) -> None:
    project = repos.make_repo(traversable_tmp / "theirs")
    for path in [project.path, *project.path.rglob("*")]:
        os.chown(path, 61234, 61234, follow_symlinks=False)
    cache = RepoCache(root, str(project.path))
    old = cache.resolve("main")
    assert working_tree_state(project.path, "main") == "clean"
    publish(cache, "jone", 1, None, old)
    move_branch(cache, "main", old, commit(cache, old, "x"))
    assert (project.path / "file").read_text() == "x"
    assert {path.lstat().st_uid for path in project.path.rglob("*")} == {61234}


def test_looking_at_a_repository(project: repos.Repo, tmp_path: Path) -> None:
    found = check_repository(str(project.path))
    assert (found.branch, found.head) == ("main", project.tip())
    assert check_repository(f"file://{project.path}") == found
    project.git("checkout", "-q", "--detach")
    with pytest.raises(DetachedHead):
        check_repository(str(project.path))
    with pytest.raises(EmptyRepository):
        check_repository(str(repos.make_repo(tmp_path / "empty", commits=0).path))
    with pytest.raises(NoRepository):
        check_repository(str(tmp_path / "none"))
    (tmp_path / "plain").mkdir()
    with pytest.raises(NoRepository):
        check_repository(str(tmp_path / "plain"))
    with pytest.raises(RemoteUnreachable):
        check_repository("https://127.0.0.1:1/x.git")


@pytest.mark.parametrize("url", ["", "-x", "--upload-pack=x", "ext::sh -c id", "relative", "a\nb", "ssh://-oProxy/x"])
def test_addresses_that_are_no_repositories(root: Path, url: str) -> None:
    with pytest.raises(BadInput):
        RepoCache(root, url)


def test_resolving(cache: RepoCache, project: repos.Repo) -> None:
    first = cache.resolve("main")
    later = project.commit({"x": "y"})
    assert cache.resolve("main") == first
    assert cache.resolve("main", fresh=True) == later
    project.git("tag", "v1", first)
    assert cache.resolve("v1") == first
    hidden = project.commit({"z": "z"})
    assert cache.resolve(hidden) == hidden
    with pytest.raises(NoCommit):
        cache.resolve("nothing")
