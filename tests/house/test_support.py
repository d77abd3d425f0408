"""The helpers that other tests stand on."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from support import places
from support.repos import Repo
from support.wait import wait_until


def test_a_traversable_folder_goes_away_with_closed_folders_in_it() -> None:
    path = places.make_traversable()
    (path / "closed" / "inner").mkdir(parents=True)
    (path / "closed" / "inner" / "file").touch(mode=0o400)
    for folder in (path / "closed" / "inner", path / "closed"):
        folder.chmod(0)
    places.remove_tree(path)
    assert not path.exists()


def test_others_can_pass_through_a_traversable_folder(traversable_tmp: Path) -> None:
    way = [traversable_tmp, *traversable_tmp.parents]
    assert all(folder.stat().st_mode & stat.S_IXOTH for folder in way)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_removes_what_others_own() -> None:
    path = places.make_traversable()
    (path / "theirs").mkdir()
    (path / "theirs" / "file").touch()
    for entry in (path / "theirs" / "file", path / "theirs"):
        os.chown(entry, 60817, 60817)
    places.remove_tree(path)
    assert not path.exists()


@pytest.mark.parametrize("bare", [True, False])
def test_a_repository_holds_its_commits(git_repo: Callable[..., Repo], bare: bool) -> None:
    repo = git_repo(commits=3, bare=bare, files={"src/a.py": "a = 1\n"})
    assert repo.git("rev-list", "--reverse", "main").split() == list(repo.commits)
    assert (repo.show("src/a.py"), repo.show("notes/2.txt")) == ("a = 1", "2")
    assert (repo.path / "src" / "a.py").exists() != bare
    assert repo.commit({"src/a.py": "a = 2\n"}) == repo.tip() != repo.commits[-1]
    assert repo.tip("refs/heads/none") == ""


def test_waiting_gives_the_value_or_says_what_was_missing() -> None:
    values = iter(["", "here"])
    assert wait_until(lambda: next(values), every=0) == "here"
    with pytest.raises(AssertionError, match="not within 0 s: a miracle; last seen: 0"):
        wait_until(lambda: 0, 0, what="a miracle")
