"""The sample project is wrong in twelve places, its scripted agent mends each, and the twelve changes merge."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from paddock.core.job import parse_batch, settle
from paddock.core.scope import outside
from paddock.demo import sample
from paddock.demo.sample import Sample, Ticket
from support.repos import git


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return sample.make(tmp_path_factory.mktemp("demo") / "tally.git")


@pytest.fixture(scope="module")
def mended(tally: Sample, tmp_path_factory: pytest.TempPathFactory) -> dict[Ticket, Path]:
    """A checkout for each ticket, on a branch of its name, with nothing done to it but the fix; not committed."""
    folder = tmp_path_factory.mktemp("mended")

    def mend(ticket: Ticket) -> Path:
        tree = clone(tally, folder / ticket.name)
        git(tree, "checkout", "--quiet", "-b", ticket.name)
        fix(tree, ticket)
        return tree

    with ThreadPoolExecutor(len(tally.tickets)) as pool:
        return dict(zip(tally.tickets, pool.map(mend, tally.tickets), strict=True))


def clone(tally: Sample, tree: Path) -> Path:
    """A fresh checkout of the sample project."""
    git(tree.parent, "clone", "--quiet", str(tally.path), tree.name)
    return tree


# `python3 -m pytest` in each of the folders: loaded once, and from then on a process for each.
IN_EACH = """
import os, sys
import pytest
words, trees = sys.argv[1].split(), sys.argv[2:]
for tree in trees:
    child = os.fork()
    if not child:
        os.chdir(tree)
        os._exit(pytest.main([word.replace("{junit}", f"{tree}.xml") for word in words]))
    os.waitpid(child, 0)
"""


def failing(*trees: Path) -> list[set[str]]:
    """The tests that fail in each of these checkouts, run as the sample's checks say."""
    [[_, option, module, *words]] = sample.CHECKS
    assert (option, module) == ("-m", "pytest")
    argv = [sys.executable, "-c", IN_EACH, " ".join(words), *map(str, trees)]
    subprocess.run(argv, capture_output=True, check=True)
    return [failed(Path(f"{tree}.xml")) for tree in trees]


def failed(report: Path) -> set[str]:
    """The tests that a report says failed."""
    cases = ElementTree.parse(report).iter("testcase")
    return {name(case) for case in cases if case.find("failure") is not None or case.find("error") is not None}


def name(case: ElementTree.Element) -> str:
    return f"{case.attrib['classname'].replace('.', '/')}.py::{case.attrib['name']}"


def fix(tree: Path, ticket: Ticket) -> str:
    """What the scripted agent prints while it works on a ticket in a checkout."""
    argv = [sys.executable, "tools/fix.py", ticket.name]
    return subprocess.run(argv, cwd=tree, capture_output=True, text=True, check=True).stdout


def test_there_are_twelve_tickets_and_some_wait_for_others(tally: Sample) -> None:
    names = [ticket.name for ticket in tally.tickets]
    assert names == [f"BUG-{number:02d}" for number in range(1, 13)]
    assert [ticket.name for ticket in tally.tickets if ticket.after] == ["BUG-04", "BUG-06", "BUG-12"]


def test_the_repository_has_a_history_and_nothing_else(tally: Sample) -> None:
    assert git(tally.path, "rev-parse", tally.branch) == tally.base
    assert int(git(tally.path, "rev-list", "--count", tally.branch)) > 2
    assert git(tally.path, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_making_it_twice_makes_the_same_commits(tally: Sample, tmp_path: Path) -> None:
    assert sample.make(tmp_path / "again.git").base == tally.base


def test_the_batch_is_one_that_paddock_takes(tally: Sample) -> None:
    settled = settle(parse_batch(sample.jobs(tally)))
    assert {job.name: job.accept for job in settled} == {ticket.name: (ticket.test,) for ticket in tally.tickets}


def test_exactly_the_tickets_tests_fail_at_the_start(tally: Sample, tmp_path: Path) -> None:
    assert failing(clone(tally, tmp_path / "start")) == [{ticket.test for ticket in tally.tickets}]


def test_each_fix_alone_writes_only_what_its_job_may_write(mended: dict[Ticket, Path]) -> None:
    for ticket, tree in mended.items():
        changed = git(tree, "status", "--porcelain", "--untracked-files=all").splitlines()
        assert outside([line[3:] for line in changed], [ticket.file]) == []


def test_each_fix_alone_mends_its_own_test_and_no_other(mended: dict[Ticket, Path]) -> None:
    every = {ticket.test for ticket in mended}
    assert failing(*mended.values()) == [every - {ticket.test} for ticket in mended]


def test_the_twelve_branches_merge_one_by_one_and_then_all_is_well(
    tally: Sample, mended: dict[Ticket, Path], tmp_path: Path
) -> None:
    merged = clone(tally, tmp_path / "merged")
    for ticket, tree in reversed(mended.items()):
        git(tree, "commit", "--quiet", "--all", "--message", ticket.title)
        git(merged, "pull", "--quiet", "--no-rebase", "--no-ff", "--no-edit", str(tree), ticket.name)
    assert failing(merged) == [set()]


def test_the_agent_says_what_it_does(tally: Sample, tmp_path: Path) -> None:
    said = fix(clone(tally, tmp_path / "talk"), tally.tickets[6]).splitlines()
    assert said[0] == "reading bugs/BUG-07.md"
    assert "saved tally/report.py" in said


def test_the_agent_refuses_what_it_cannot_do(tally: Sample, tmp_path: Path) -> None:
    tree = clone(tally, tmp_path / "refusals")
    fix(tree, tally.tickets[0])
    for ticket in ("BUG-01", "BUG-99"):
        done = subprocess.run([sys.executable, "tools/fix.py", ticket], cwd=tree, capture_output=True, text=True)
        assert (done.returncode, done.stderr.startswith("fix: ")) == (1, True)
