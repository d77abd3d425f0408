"""Nothing is deleted without proof, and what a killed owner left is saved by the next start."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from paddock.sandbox import probe
from paddock.workspace import RepoCache, Worktree, collect, publish, recover, remove, wip_ref
from paddock.workspace.errors import NotProven
from paddock.workspace.git import git
from paddock.workspace.layout import delete_tree
from paddock.workspace.processes import end_run
from support import repos
from support.wait import wait_until
from workspace.conftest import Make, sh

pytestmark = pytest.mark.skipif(probe().cls == "none", reason=probe().reason)
MODES = ["overlay", "pool", "plain"] if probe().overlay else ["pool", "plain"]

# An owner like the agent: it makes a worktree, starts a job on it, and says so.
OWNER = """
import subprocess, sys
from pathlib import Path
from paddock.workspace import RepoCache, create
root, url, base, mode = sys.argv[1:]
worktree = create(RepoCache(Path(root), url), "jdead", 3, base, "paddock/jdead", mode)
script = "echo saved > file; git add file; git commit -qm Mine; echo later > later; echo ready"
script += "; while :; do sleep 60; done"
with worktree.launch(["/bin/sh", "-c", script]) as ready:
    job = subprocess.Popen(ready.argv, **ready.options(), stdout=subprocess.PIPE)
assert job.stdout.readline() == b"ready\\n"
print(worktree.record.token, flush=True)
job.wait()
"""


def start_owner(root: Path, project: repos.Repo, mode: str) -> tuple["subprocess.Popen[bytes]", str]:
    words = [sys.executable, "-c", OWNER, str(root), str(project.path), project.tip(), mode]
    owner = subprocess.Popen(words, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": ":".join(sys.path)})
    assert owner.stdout is not None
    token = owner.stdout.readline().decode().strip()
    owner.stdout.close()
    return owner, token


def running(token: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"/git-{token} ".encode() in (entry / "mountinfo").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("mode", MODES)
def test_a_killed_owner_loses_nothing(root: Path, project: repos.Repo, cache: RepoCache, mode: str) -> None:
    owner, token = start_owner(root, project, mode)
    assert recover(root) == []  # it lives
    assert running(token)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    wait_until(lambda: not running(token), what="the box to die with its owner")
    (done,) = recover(root)
    assert (done.job, done.epoch, done.pushed, done.removed, done.error) == ("jdead", 3, True, True, "")
    saved = project.git("rev-parse", wip_ref("jdead", 3))
    assert project.git("show", f"{saved}:file", f"{saved}:later").split() == ["saved", "later"]
    assert "Mine" in project.git("log", "--format=%s", saved)
    assert project.git("branch", "--list", "paddock/*") == ""
    assert list((root / "jobs").iterdir()) == []
    assert recover(root) == []
    assert cache.has(saved)


def test_what_outlived_its_owner_is_ended(root: Path, project: repos.Repo) -> None:
    owner, token = start_owner(root, project, "plain")
    try:
        assert end_run(token) >= 1
        wait_until(lambda: not running(token))
        assert owner.wait(60) == 0
    finally:
        owner.kill()
        owner.wait()


def test_ending_the_process_group_ends_the_whole_box(make: Make) -> None:
    worktree = make()
    token = worktree.record.token
    # bubblewrap's init asks to die with its parent only after it has started the job, and then sleeps. Who is killed
    # before that leaves it behind; `end_run` is there for it.
    watched = "until grep -q '^State:.S' /proc/1/status; do :; done"
    with worktree.launch(
        ["/bin/sh", "-c", f"setsid sleep 600 & setsid sleep 600 & {watched}; echo ready; wait"]
    ) as ready:
        job = subprocess.Popen(ready.argv, **ready.options(), stdout=subprocess.PIPE)
    assert job.stdout is not None
    assert job.stdout.readline() == b"ready\n"
    os.killpg(job.pid, signal.SIGTERM)
    job.stdout.close()
    assert job.wait(60) != 0
    wait_until(lambda: not running(token))


def test_an_attempt_said_to_be_alive_is_left_alone(make: Make, root: Path) -> None:
    make().release()
    assert recover(root, alive=[("jone", 1)]) == []
    assert [found.removed for found in recover(root)] == [True]


def test_without_a_remote_the_work_stays_on_the_host(
    make: Make, root: Path, project: repos.Repo, cache: RepoCache
) -> None:
    worktree = make()
    sh(worktree, "echo x > a")
    worktree.release()
    away = project.path.rename(project.path.with_name("away"))
    (first,) = recover(root)
    assert (first.pushed, first.removed) == (False, False)
    assert first.error
    assert git("show", f"{wip_ref('jone', 1)}:a", git_dir=cache.git) == "x"
    away.rename(project.path)
    (second,) = recover(root)
    assert (second.pushed, second.removed) == (True, True)
    assert project.show("a", wip_ref("jone", 1)) == "x"


def test_a_throw_away_worktree_is_only_swept(make: Make, root: Path, project: repos.Repo) -> None:
    worktree = make(throwaway=True)
    sh(worktree, "echo x > a")
    worktree.release()
    (found,) = recover(root)
    assert (found.snapshot, found.removed) == (None, True)
    assert project.git("for-each-ref", "refs/paddock") == ""


def test_a_base_that_was_evicted_comes_back(make: Make, root: Path, project: repos.Repo, cache: RepoCache) -> None:
    worktree = make()
    sh(worktree, "echo x > a; rm docs/a.md")
    worktree.release()
    for base in (cache.path / "bases").glob("[0-9a-f]*"):
        delete_tree(base)
    (found,) = recover(root)
    assert found.removed, found.error
    assert project.git("diff", "--name-only", project.tip(), wip_ref("jone", 1)).split() == ["a", "docs/a.md"]


@pytest.mark.parametrize(
    "after", ["echo more > more", "rm a", "git checkout -q -b b && git commit -qm C --allow-empty"]
)
def test_removal_needs_proof(make: Make, after: str) -> None:
    worktree = make()
    sh(worktree, "echo x > a")
    with pytest.raises(NotProven, match="never saved"):
        remove(worktree)
    collect(worktree)
    assert sh(worktree, after).returncode == 0
    with pytest.raises(NotProven) as caught:
        remove(worktree)
    assert str(worktree.path) in caught.value.hint
    assert worktree.path.exists()
    collect(worktree)
    remove(worktree)
    assert not worktree.path.exists()


def test_dates_prove_nothing(make: Make) -> None:
    worktree = make()
    sh(worktree, "echo one > a")
    collect(worktree)
    sh(worktree, "touch -r a /tmp/t; echo two > a; touch -r /tmp/t a")
    with pytest.raises(NotProven):
        remove(worktree)


def test_rubbish_of_a_crash_is_swept(root: Path) -> None:
    for name in (".trash-1", ".new-1", ".new-2"):
        (root / "jobs" / name / "work").mkdir(parents=True)
        (root / "jobs" / name / "work").chmod(0)
    os.utime(root / "jobs" / ".new-1", (0, 0))
    assert recover(root) == []
    assert [path.name for path in (root / "jobs").iterdir()] == [".new-2"]


def test_publishing_what_was_collected(make: Make, project: repos.Repo, cache: RepoCache) -> None:
    worktree: Worktree = make()
    sh(worktree, "echo x > a")
    snapshot = collect(worktree, "Add a")
    publish(cache, "jone", 1, snapshot.head, snapshot.wip)
    remove(worktree)
    assert project.tip("paddock/jone") == snapshot.head
    assert project.tip(wip_ref("jone", 1)) == snapshot.wip
    assert project.tip("main") == snapshot.base
