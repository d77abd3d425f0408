"""The host's cache: immutable bases, kept while they are used, and a root that jobs can walk to."""

import os
import stat
import threading
from pathlib import Path

import pytest

from paddock.sandbox import can_reach, job_user, probe
from paddock.workspace import RepoCache, layout, workspace_root
from paddock.workspace import cache as caches
from support import repos

contained = pytest.mark.skipif(probe().cls == "none", reason=probe().reason)


@contained
def test_a_base_is_made_once_by_many(cache: RepoCache, project: repos.Repo) -> None:
    found: list[caches.Base] = []
    threads = [threading.Thread(target=lambda: found.append(cache.base(project.tip()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({base.tree.stat().st_ino for base in found}) == 1 and len(found) == 4
    assert (found[0].tree / "src" / "app.py").read_text() == "print('one')\n"
    assert found[0].tree.stat().st_uid == job_user().uid
    for base in found:
        base.release()


@contained
def test_bases_are_few_and_one_in_use_stays(
    cache: RepoCache, project: repos.Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "BASES_KEPT", 2)
    used = cache.base(project.tip())
    os.utime(used.path / "lock", (0, 0))
    for number in range(3):
        cache.base(cache.resolve(project.commit({"n": str(number)}))).release()
    kept = list((cache.path / "bases").glob("[0-9a-f]*/tree"))
    assert used.tree in kept
    assert len(kept) == 3
    used.release()


def test_others_on_the_host_cannot_look_in(root: Path) -> None:
    for name in ("repos", "jobs"):
        assert stat.S_IMODE((root / name).stat().st_mode) & 0o027 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lend another place")
def test_a_root_out_of_reach_is_replaced(
    tmp_path: Path, traversable_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "SYSTEM_ROOT", traversable_tmp / "lib")
    root = workspace_root(tmp_path / "state")
    assert root.parent == traversable_tmp / "lib"
    assert can_reach(root / "jobs", job_user())
    assert workspace_root(tmp_path / "state") == root
