"""The demo on people's own repositories: what it refuses, what it does, and that it leaves nothing behind."""

import json
import signal
from pathlib import Path

import pytest

from cli.commands import Said, paddock, processes_of, running
from paddock.settings import ADDRESS
from support.places import free_port, make_traversable, remove_tree
from support.repos import Repo, make_repo

BATCH = """\
project: Mine
jobs:
  - id: one
    payload: {argv: [sh, -c, "echo 1 > one.txt"]}
  - id: two
    depends_on: [one]
    payload: {argv: [sh, -c, "cat one.txt > two.txt"]}
"""
BROKEN = """\
  - id: broken
    payload: {argv: [sh, -c, "exit 7"]}
    max_attempts: 1
  - id: behind
    depends_on: [broken]
    payload: {argv: ["true"]}
  - id: picky
    requires: [nobody-has-this]
    payload: {argv: ["true"]}
"""


@pytest.fixture
def mine(tmp_path: Path) -> Repo:
    (tmp_path / "jobs.yaml").write_text(BATCH)
    return make_repo(tmp_path / "mine")


def demo(where: Path, *words: str) -> Said:
    return paddock(where, "demo", "--port", str(free_port()), "--jobs", "jobs.yaml", "--json", "--agents", "2", *words)


def home_of(line: str) -> Path:
    """The demo's temporary home, as its first line names it."""
    return Path(line.splitlines()[0].rsplit(", home ", 1)[1].strip())


def test_own_jobs_merge_into_the_own_repository(mine: Repo, tmp_path: Path) -> None:
    said = demo(tmp_path, "--repo", "mine", "--check", "test -f README.md")
    assert said.code == 0, said.err
    told = json.loads(said.out.splitlines()[-1])
    assert {key: told[key] for key in ("jobs", "done", "merged", "lost", "double_effects", "failed", "waiting")} == {
        "jobs": 2,
        "done": 2,
        "merged": 2,
        "lost": 0,
        "double_effects": 0,
        "failed": 0,
        "waiting": 0,
    }
    assert (mine.show("two.txt"), told["tip"]) == ("1", mine.tip())
    assert (mine.git("status", "--porcelain"), len(mine.git("worktree", "list").splitlines())) == ("", 1)
    assert (mine.path / "two.txt").read_text() == "1\n"
    assert (home_of(said.err).exists(), processes_of(home_of(said.err))) == (False, [])


@pytest.mark.usefixtures("mine")
def test_it_ends_when_nothing_can_move_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(BATCH + BROKEN)
    said = demo(tmp_path, "--repo", "mine")
    told = json.loads(said.out.splitlines()[-1])
    assert (said.code, told["done"], told["merged"], told["failed"], told["blocked"], told["lost"]) == (
        1,
        2,
        2,
        1,
        1,
        0,
    )
    why = {problem["name"]: problem["why"] for problem in told["problems"]}
    assert "7" in why["broken"] and "needs broken" in why["behind"] and "lacks nobody-has-this" in why["picky"]


def test_without_approval_it_stops_at_the_gate_and_keeps_what_waits(mine: Repo, tmp_path: Path) -> None:
    said = demo(tmp_path, "--repo", "mine", "--no-approve")
    told = json.loads(said.out.splitlines()[-1])
    home = Path(told["home"])
    assert list(home.rglob("paddock.db"))
    remove_tree(home)
    assert (said.code, told["waiting"], told["merged"], told["approved"]) == (0, 1, 0, 0)
    assert mine.tip() == mine.commits[-1]
    assert mine.git("branch", "--list", "paddock/*") != ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "paddock: the batch is for project 'Mine': where is its repository? (say so with --repo)\n"),
        (("--repo", "."), "paddock: . is no git repository "),
        (("--repo", "mine", "--branch", "nope"), "paddock: mine has no branch 'nope'\n"),
        (("--repo", "mine", "--check", ""), "paddock: --check is empty "),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_starts(
    mine: Repo, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    said = demo(tmp_path, *words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(told)
    assert mine.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_uncommitted_work_on_the_branch_that_moves_is_refused_by_name(mine: Repo, tmp_path: Path) -> None:
    (mine.path / "README.md").write_text("changed\n")
    said = demo(tmp_path, "--repo", "mine")
    assert (said.code, "not committed: README.md" in said.err) == (2, True)
    mine.git("switch", "--quiet", "-c", "elsewhere")
    assert demo(tmp_path, "--repo", "mine", "--branch", "main").code == 0


@pytest.mark.usefixtures("mine")
def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    home, port = make_traversable(), free_port()
    with running(home, "serve", "--port", str(port)) as serve:
        serve.until("control plane at")
        said = demo(tmp_path, "--repo", "mine", "--port", str(port))
        assert (said.code, "--port" in said.err.splitlines()[-1]) == (2, True)
        assert (home / ADDRESS).read_text() == f"http://127.0.0.1:{port}"
    assert not (home / ADDRESS).exists()
    remove_tree(home)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_takes_everything_along(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, "demo", "--port", str(free_port())) as going:
        home = home_of(going.until(", home "))
        going.until("runs on")
        assert processes_of(home) != []
        assert going.stop(number) == 130
    assert (home.exists(), processes_of(home)) == (False, [])
