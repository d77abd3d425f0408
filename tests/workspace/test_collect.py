"""Nothing a run wrote is lost or mistaken when it is collected."""

from pathlib import Path

import pytest

from paddock.sandbox import probe
from paddock.workspace import RepoCache, Snapshot, collect, remove, survey, wip_ref
from paddock.workspace.errors import NotProven
from paddock.workspace.git import git
from support import repos
from workspace.conftest import Make, sh

pytestmark = pytest.mark.skipif(probe().cls == "none", reason=probe().reason)
MODES = ["overlay", "plain"] if probe().overlay else ["plain"]  # a pooled checkout is a plain one by now


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def any_mode() -> str:
    """For what does not depend on how the worktree was made."""
    return MODES[0]


def paths(snapshot: Snapshot) -> list[str]:
    return [change.path for change in snapshot.files]


def content(cache: RepoCache, commit: str | None, path: str) -> str:
    return git("cat-file", "blob", f"{commit}:{path}", git_dir=cache.git)


def test_nothing_written_is_no_change(make: Make, project: repos.Repo, cache: RepoCache, mode: str) -> None:
    snapshot = collect(make(mode))
    assert (snapshot.head, snapshot.wip, snapshot.files, snapshot.diff) == (None, project.tip(), [], b"")
    assert git("rev-parse", wip_ref("jone", 1), git_dir=cache.git) == project.tip()


def test_a_change_is_one_commit_on_the_base(make: Make, project: repos.Repo, cache: RepoCache, mode: str) -> None:
    worktree = make(mode)
    sh(worktree, "echo new > new; rm docs/a.md; echo \"print('two')\" > src/app.py; chmod +x README.md; ln -s /etc l")
    snapshot = collect(worktree, "Do the thing")
    assert git("log", "-1", "--format=%P%n%an <%ae>%n%B", str(snapshot.head), git_dir=cache.git).splitlines() == [
        project.tip(), "Paddock <paddock@localhost>", "Do the thing", "", "Paddock-Job: jone", "Paddock-Epoch: 1",
    ]  # fmt: skip
    found = {change.path: (change.status, change.added, change.removed) for change in snapshot.files}
    assert found == {
        "README.md": ("M", 0, 0), "docs/a.md": ("D", 0, 1), "l": ("A", 1, 0), "new": ("A", 1, 0),
        "src/app.py": ("M", 1, 1),
    }  # fmt: skip
    by_path = {change.path: change for change in snapshot.files}
    assert by_path["README.md"].mode_changed
    assert by_path["l"].symlink
    assert b"+print('two')" in snapshot.diff
    assert not snapshot.notes + snapshot.unsaved


def test_ignored_files_are_not_work(make: Make, mode: str) -> None:
    worktree = make(mode)
    sh(worktree, "mkdir build; echo x > build/out; echo x > a.log")
    assert collect(worktree).head is None
    remove(worktree)
    assert not worktree.path.exists()


def test_what_the_job_committed_is_behind_the_wip(make: Make, cache: RepoCache, any_mode: str) -> None:
    worktree = make(any_mode)
    sh(worktree, "echo 1 > a; git add -A; git commit -qm A; git checkout -q -b side; echo 2 > b; git add -A")
    sh(worktree, "git commit -qm B; git checkout -q paddock/jone; rm a; echo 3 > c; git add c; git stash -q")
    tips = sh(worktree, "git rev-parse paddock/jone side stash").stdout.split()
    snapshot = collect(worktree)
    assert paths(snapshot) == ["a"]  # the stash put `a` back and took `c` away
    for tip in tips:
        assert git("merge-base", tip, snapshot.wip, git_dir=cache.git) == tip
    assert git("rev-parse", f"{snapshot.head}^", git_dir=cache.git) == snapshot.base
    remove(worktree)


def test_a_ruined_git_directory_does_not_lose_the_files(make: Make, cache: RepoCache, any_mode: str) -> None:
    worktree = make(any_mode)
    sh(worktree, "echo 1 > a; git add -A; git commit -qm A; rm -rf .git/objects .git/HEAD .git/refs .git/index")
    assert content(cache, collect(worktree).head, "a") == "1"


def test_the_jobs_own_configuration_and_hooks_run_nowhere(make: Make, any_mode: str, traversable_tmp: Path) -> None:
    worktree = make(any_mode)
    mark = traversable_tmp / "mark"
    script = f"echo '[core] fsmonitor = touch {mark}' > x; cp x .gitconfig; echo '* filter=evil' > .gitattributes"
    sh(worktree, f"{script}; echo 1 > file; git -c core.hooksPath=. status")
    assert paths(collect(worktree)) == [".gitattributes", ".gitconfig", "file", "x"]
    assert not mark.exists()


def test_names_with_anything_in_them(make: Make, cache: RepoCache, any_mode: str) -> None:
    worktree = make(any_mode)
    names = ["a\nb", "-exec", ":(top)x", "sp ace", "quo'te\"", "tab\t", "*", "ünï", "$(id)", "\\"]
    sh(worktree, 'for name in "$@"; do echo x > "./$name"; done; printf y > "$(printf \'bad\\377\')"', *names)
    snapshot = collect(worktree)
    assert sorted(paths(snapshot)) == sorted([*names, "bad\\xff"])
    assert content(cache, snapshot.head, "a\nb") == "x"
    remove(worktree)


def test_nested_repositories_give_their_files(make: Make, cache: RepoCache, mode: str) -> None:
    worktree = make(mode)
    sh(worktree, "git init -q empty; echo 1 > empty/file; git init -q full; cd full; echo 2 > file; git add -A")
    sh(worktree, "cd full; git commit -qm x; mkdir -p deep/er; git init -q deep/er; echo 3 > deep/er/file")
    sh(worktree, "mkdir linked; echo 'gitdir: /elsewhere' > linked/.git; echo 4 > linked/file")
    snapshot = collect(worktree)
    assert paths(snapshot) == ["empty/file", "full/deep/er/file", "full/file", "linked/file"]
    assert [content(cache, snapshot.head, path) for path in paths(snapshot)] == ["1", "3", "2", "4"]
    assert len(snapshot.notes) == 4
    remove(worktree)


def test_special_files_are_left_out_and_named(make: Make, mode: str) -> None:
    worktree = make(mode)
    sh(worktree, "mkfifo pipe; rm README.md; mkfifo README.md; echo x > kept")
    snapshot = collect(worktree)
    assert {change.path: change.status for change in snapshot.files} == {"README.md": "D", "kept": "A"}
    assert [note.split(" ")[0] for note in snapshot.notes] == ["README.md", "pipe"] or len(snapshot.notes) == 2
    remove(worktree)


def test_closed_files_and_directories_are_read(make: Make, cache: RepoCache, mode: str) -> None:
    worktree = make(mode)
    sh(worktree, "mkdir shut; echo x > shut/file; chmod 000 shut/file shut; chmod 000 src")
    snapshot = collect(worktree)
    assert content(cache, snapshot.head, "shut/file") == "x"
    assert paths(snapshot) == ["shut/file"]


def test_a_directory_in_place_of_a_file_and_back(make: Make, mode: str) -> None:
    worktree = make(mode)
    sh(worktree, "rm README.md; mkdir README.md; echo x > README.md/x; rm -r src; echo y > src")
    found = {change.path: change.status for change in collect(worktree).files}
    assert found == {"README.md": "D", "README.md/x": "A", "src": "A", "src/app.py": "D"}
    remove(worktree)


def test_a_file_too_large_keeps_its_worktree(make: Make, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "MAX_FILE", 1000)
    worktree = make(mode)
    sh(worktree, "head -c 2000 /dev/zero > large; head -c 2000 /dev/zero > ignored.log; echo x > small")
    snapshot = collect(worktree)
    assert (paths(snapshot), snapshot.unsaved) == (["small"], ["large"])
    with pytest.raises(NotProven, match="large"):
        remove(worktree)
    assert worktree.path.exists()


def test_files_git_cannot_encode_are_kept_as_they_are(make: Make, cache: RepoCache, any_mode: str) -> None:
    worktree = make(any_mode)
    sh(worktree, "echo '*.txt working-tree-encoding=UTF-16' > .gitattributes; echo odd > a.txt; echo x > b")
    snapshot = collect(worktree)
    assert set(paths(snapshot)) >= {".gitattributes", "a.txt", "b"}
    assert content(cache, snapshot.head, "a.txt") == "odd"


def test_names_git_refuses_keep_the_worktree(make: Make, any_mode: str) -> None:
    worktree = make(any_mode)
    sh(worktree, "echo x > git~1; echo y > fine")
    snapshot = collect(worktree)
    assert (paths(snapshot), snapshot.unsaved) == (["fine"], ["git~1"])
    with pytest.raises(NotProven):
        remove(worktree)


def test_a_long_diff_is_cut_and_says_so(make: Make, any_mode: str) -> None:
    worktree = make(any_mode)
    sh(worktree, "seq 200000 > long")
    snapshot = collect(worktree)
    assert snapshot.diff_cut
    assert len(snapshot.diff) < 530_000
    assert snapshot.diff.endswith(b"was cut here]\n")
    assert snapshot.files[0].added == 200_000


def test_commits_git_finds_malformed_keep_the_worktree(make: Make, any_mode: str) -> None:
    worktree = make(any_mode)
    text = "printf 'tree %s\\nauthor x\\ncommitter x <x> 1 +0000\\n\\nm\\n' $(git write-tree)"
    write = "git hash-object -w --literally -t commit --stdin"
    sh(worktree, f"echo x > a; git add a; git update-ref HEAD $({text} | {write})")
    snapshot = collect(worktree)
    assert (paths(snapshot), len(snapshot.unsaved)) == (["a"], 1)
    with pytest.raises(NotProven):
        remove(worktree)


def test_a_commit_with_a_hole_keeps_the_worktree(make: Make, any_mode: str) -> None:
    worktree = make(any_mode)
    sh(worktree, "echo x > a; git add a; git commit -qm A; git rm -q a; git commit -qm B")
    sh(worktree, "blob=$(git rev-parse HEAD^:a); rm -f .git/objects/$(echo $blob | cut -c1-2)/$(echo $blob | cut -c3-)")
    snapshot = collect(worktree)
    assert (snapshot.head, len(snapshot.unsaved)) == (None, 1)
    with pytest.raises(NotProven):
        remove(worktree)


def test_what_a_job_left_running_is_ended_first(make: Make, mode: str) -> None:
    worktree = make(mode)
    sh(worktree, "(while :; do echo x >> a; done) >/dev/null 2>&1 & while ! test -s a; do :; done")
    snapshot = collect(worktree)
    assert paths(snapshot) == ["a"]
    remove(worktree)


def test_collecting_twice_gives_the_same_tree(make: Make, any_mode: str) -> None:
    worktree = make(any_mode)
    sh(worktree, "echo x > a")
    assert collect(worktree).tree == collect(worktree).tree


def test_files_below_a_submodule_keep_the_worktree(make: Make, project: repos.Repo, any_mode: str) -> None:
    index = str(project.path / "sub.index")
    project.git("read-tree", project.tip(), GIT_INDEX_FILE=index)
    project.git("update-index", "--add", "--cacheinfo", f"160000,{project.tip()},lib", GIT_INDEX_FILE=index)
    tree = project.git("write-tree", GIT_INDEX_FILE=index)
    base = project.git("commit-tree", tree, "-p", project.tip(), "-m", "Sub")
    project.git("update-ref", "refs/heads/main", base)
    project.commit({".gitmodules": '[submodule "lib"]\n\tpath = lib\n\turl = ../lib\n'})
    worktree = make(any_mode)
    sh(worktree, "echo x > lib/file; echo y > file")
    snapshot = collect(worktree)
    assert (paths(snapshot), snapshot.unsaved) == (["file"], ["lib/file"])
