"""The contract of a worktree, the same for every way of making one."""

import json
import subprocess
from pathlib import Path

import pytest

from paddock.sandbox import Bind, NotContained, probe
from paddock.sandbox.probe import Containment
from paddock.workspace import RepoCache, collect, create, remove
from paddock.workspace import worktree as worktrees
from paddock.workspace.errors import BadRef, NoCommit, WorktreeExists
from support import repos
from workspace.conftest import Make, sh

pytestmark = pytest.mark.skipif(probe().cls == "none", reason=probe().reason)
MODES = ["overlay", "pool", "plain"] if probe().overlay else ["pool", "plain"]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_holds_the_base_on_its_own_branch(make: Make, project: repos.Repo, mode: str) -> None:
    worktree = make(mode)
    assert sh(worktree, "cat src/app.py").stdout == "print('one')\n"
    assert sh(worktree, "git rev-parse HEAD; git branch --show-current").stdout.split() == [
        project.tip(),
        "paddock/jone",
    ]
    assert sh(worktree, "git status --porcelain").stdout == ""


def test_git_works_for_the_job_and_stays_its_own(make: Make, cache: RepoCache, mode: str) -> None:
    worktree = make(mode)
    done = sh(worktree, "echo two > new && git add -A && git commit -qm Two && git log --format=%s%an")
    assert done.stdout.splitlines()[0] == "TwoPaddock", done.stderr
    assert not cache.has(sh(worktree, "git rev-parse HEAD").stdout.strip())


def test_git_is_pinned(make: Make, mode: str) -> None:
    done = sh(make(mode), "mv .git .g2; rm -rf .git/hooks; echo x > .git/hooks/pre-commit; git config a.b c")
    assert "busy" in done.stderr
    assert done.stderr.count("Read-only file system") >= 1
    assert done.returncode != 0


def test_a_rebase_watcher_is_kept_away(make: Make, mode: str) -> None:
    assert sh(make(mode), "test -f .git/skip-auto-rebase-watcher").returncode == 0


def test_the_cache_cannot_be_written(make: Make, mode: str) -> None:
    assert sh(make(mode), "touch /paddock/objects/x").returncode != 0


def test_two_attempts_do_not_see_each_other(make: Make, mode: str) -> None:
    first, second = make(mode), make(mode, epoch=2)
    sh(first, "echo mine > mine; rm README.md; echo x >> src/app.py")
    assert sh(second, "ls; cat src/app.py").stdout.split() == ["README.md", "docs", "src", "print('one')"]
    assert second.record.base == first.record.base


def test_the_record_says_all_that_recovery_needs(make: Make, project: repos.Repo, mode: str) -> None:
    record = json.loads((make(mode).path / "job.json").read_bytes())
    assert record.items() >= {
        "job": "jone", "epoch": 1, "url": str(project.path), "branch": "paddock/jone", "base": project.tip(),
        "mode": mode,
    }.items()  # fmt: skip


def test_reports_go_beside_the_tree(make: Make, mode: str) -> None:
    worktree = make(mode)
    out = worktree.out_dir()
    with worktree.launch(["/bin/sh", "-c", "echo report > /paddock/out/junit.xml"], binds=[out]) as ready:
        subprocess.run(ready.argv, **ready.options(), check=True)
    assert (out.source / "junit.xml").read_text() == "report\n"
    assert collect(worktree).head is None


def test_a_throw_away_worktree_goes_without_proof(make: Make, mode: str) -> None:
    worktree = make(mode, throwaway=True)
    sh(worktree, "mkdir closed; echo x > closed/file; chmod 000 closed/file closed")
    remove(worktree)
    assert not worktree.path.exists()


def test_an_attempt_has_one_worktree(make: Make) -> None:
    make()
    with pytest.raises(WorktreeExists):
        make()


def test_a_warm_checkout_is_used_again_and_is_clean(make: Make, project: repos.Repo) -> None:
    first = make("pool")
    inode = (first.tree / "README.md").stat().st_ino
    sh(first, "echo junk > build.log; mkdir -p build/x; git init -q build/x/repo; rm docs/a.md; echo 2 > src/app.py")
    collect(first)
    remove(first)
    later = project.commit({"src/app.py": "print('two')\n"})
    second = make("pool", epoch=2, base=later)
    assert (second.tree / "README.md").stat().st_ino == inode
    assert sh(second, "git status --porcelain --ignored; find . -name build; cat src/app.py docs/a.md").stdout == (
        "print('two')\na\n"
    )


def test_a_same_size_edit_within_the_second_is_seen(make: Make, mode: str) -> None:
    worktree = make(mode)
    sh(worktree, "touch -r src/app.py /tmp/t; printf \"print('two')\\n\" > src/app.py; touch -r /tmp/t src/app.py")
    assert [change.path for change in collect(worktree).files] == ["src/app.py"]


@pytest.mark.parametrize("job", ["", "../x", "-j", "j/x", "J"])
def test_names_that_are_no_names_are_refused(cache: RepoCache, project: repos.Repo, job: str) -> None:
    with pytest.raises(BadRef):
        create(cache, job, 1, project.tip(), "paddock/x")


@pytest.mark.parametrize("branch", ["--upload-pack=x", "a..b", "a b", "a\nb", "/a", "a.lock", ""])
def test_branches_that_are_options_are_refused(cache: RepoCache, project: repos.Repo, branch: str) -> None:
    with pytest.raises(BadRef):
        create(cache, "jone", 1, project.tip(), branch)


def test_an_unknown_base_is_an_error_and_leaves_nothing(cache: RepoCache, root: Path) -> None:
    with pytest.raises(NoCommit):
        create(cache, "jone", 1, "0" * 39 + "1", "paddock/jone", "plain")
    assert [path for path in (root / "jobs").iterdir() if not path.name.startswith(".")] == []


def test_a_host_without_boxes_refuses_unless_degraded(make: Make, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worse = Containment("none", False, "no boxes", "do this")
    monkeypatch.setattr(worktrees, "probe", lambda _: worse)
    with pytest.raises(NotContained, match="no boxes") as caught:
        make()
    assert caught.value.hint == "do this"
    worktree = make(degraded=True)
    assert not worktree.record.contained
    done = sh(worktree, "git status --porcelain; echo new > new; git add -A; git commit -qm New; id -u")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() != "0"
    snapshot = collect(worktree)
    assert [change.path for change in snapshot.files] == ["new"]
    remove(worktree)
    assert list((root / "jobs").iterdir()) == []


def test_extra_binds_are_seen(make: Make, traversable_tmp: Path) -> None:
    (traversable_tmp / "data").mkdir()
    (traversable_tmp / "data" / "x").write_text("given\n")
    worktree = make()
    with worktree.launch(["cat", "/data/x"], binds=[Bind(traversable_tmp / "data", Path("/data"))]) as ready:
        assert subprocess.run(ready.argv, **ready.options(), capture_output=True).stdout == b"given\n"
