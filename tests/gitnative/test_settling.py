"""Refs folded into files, and the refs of what is settled taken away when nobody can rely on them any more."""

from functools import partial
from pathlib import Path

import pytest

from gitnative.fleets import agents, at_once, fleet_at, refs_of, remote_with
from gitnative.taskfiles import path_of, task_text
from paddock.gitnative import dashboard, holding, joining, layouts, protocols, settle, toon
from paddock.gitnative.claiming import Claimed, Missed, claim
from paddock.gitnative.errors import GitRefused
from paddock.gitnative.fleet import Agent, Fleet
from paddock.gitnative.selection import Filter
from support.repos import Repo, git

OPS = Agent(name="ops")


def do(fleet: Fleet, count: int) -> list[str]:
    done = []
    for _ in range(count):
        got = claim(fleet, Agent(name="amy"))
        assert isinstance(got, Claimed)
        holding.complete(fleet, Agent(name="amy"), got.record.key, pr_url="https://forge.example/pull/7")
        done.append(got.record.key)
    return done


def files(repo: Repo) -> set[str]:
    return {
        path for path in repo.git("ls-tree", "-r", "--name-only", "main").splitlines() if path.startswith(".agents")
    }


def test_a_plain_checkout_tells_the_truth_after_one_commit(tmp_path: Path) -> None:
    texts = [task_text("TASK-001"), task_text("TASK-002"), task_text("TASK-003", needs=["TASK-001"], priority=1)]
    repo = remote_with(tmp_path / "r.git", texts)
    fleet, before = fleet_at(repo, tmp_path / "home"), repo.git("rev-list", "--count", "main")
    done = do(fleet, 2)
    assert settle.settle(fleet, OPS) == (sorted(done), 0)
    assert files(repo) == {
        path_of("TASK-001", folder="completed"),
        path_of("TASK-002", folder="completed"),
        path_of("TASK-003"),
    }
    text = toon.loads(repo.show(path_of("TASK-001", folder="completed")), "x").value
    assert (text["task"]["status"], text["completion"]["completed_by"]) == ("completed", "amy")
    assert text["completion"]["pr_url"] == "https://forge.example/pull/7"
    assert toon.loads(repo.show(path_of("TASK-003")), "x").value["task"]["status"] == "ready"
    assert int(repo.git("rev-list", "--count", "main")) == int(before) + 1
    assert repo.show("README.md") == "# Shop"
    assert settle.settle(fleet, OPS) == ([], 0)
    got = claim(fleet, Agent(name="bob"))
    assert isinstance(got, Claimed)
    assert got.record.task == "TASK-003"


def test_refs_go_away_only_after_a_while_and_the_task_stays_done(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 3)
    fleet = fleet_at(repo, tmp_path / "home")
    do(fleet, 3)
    assert settle.settle(fleet, OPS, now=0.0)[1] == 0
    assert settle.sweep(fleet, now=599.0) == 0
    assert len(refs_of(repo)) == 6
    assert settle.sweep(fleet, now=601.0) == 3
    assert refs_of(repo) == {}
    assert isinstance(claim(fleet_at(repo, tmp_path / "other"), Agent(name="bob")), Missed)


def test_settling_in_many_places_at_once_settles_each_task_once(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 4)
    done = do(fleet_at(repo, tmp_path / "home"), 4)
    fleets = [(fleet_at(repo, tmp_path / f"h{n}"), agent) for n, agent in enumerate(agents(4))]
    told = at_once([partial(settle.settle, fleet, agent) for fleet, agent in fleets])
    assert sorted(key for keys, _ in told for key in keys) == sorted(done)
    kept = str(Path(path_of("TASK-001")).with_name(layouts.KEEP))
    assert files(repo) == {kept, *(path_of(f"TASK-{n:03}", folder="completed") for n in range(1, 5))}


def test_a_task_that_is_added_while_all_others_are_settled_stays_where_it_was_put(tmp_path: Path) -> None:
    told = {"summary": "A note", "details": "\n".join(f"Line {n} of what is to be done" for n in range(40))}
    repo = remote_with(tmp_path / "r.git", [task_text(f"TASK-{n:03}", description=told) for n in (1, 2)])
    person = tmp_path / "person"
    git(tmp_path, "clone", "-q", str(repo.path), str(person))
    fleet = fleet_at(repo, tmp_path / "home")
    do(fleet, 2)
    settle.settle(fleet, OPS)
    (person / path_of("TASK-003")).write_text(task_text("TASK-003"))
    git(person, "add", "-A")
    git(person, "commit", "-qm", "one more")
    git(person, "pull", "-q", "--rebase", "origin", "main")
    git(person, "push", "-q", "origin", "HEAD:main")
    assert path_of("TASK-003") in files(repo)
    got = claim(fleet, Agent(name="bob"))
    assert isinstance(got, Claimed) and got.record.task == "TASK-003"


def test_few_completions_wait_for_more(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 3)
    fleet, before = fleet_at(repo, tmp_path / "home"), repo.tip()
    do(fleet, 2)
    assert settle.settle(fleet, OPS, least=3) == ([], 0)
    assert repo.tip() == before


def test_a_project_with_a_branch_of_its_own_is_worked_and_settled_there_and_merged(tmp_path: Path) -> None:
    config = "coordination:\n  branches:\n    bank: develop-bank\n"
    bank = {path_of(f"TASK-00{n}", "bank"): task_text(f"TASK-00{n}", project="bank") for n in (1, 2)}
    repo = remote_with(tmp_path / "r.git", 1, **bank, **{layouts.CONFIG: config})
    repo.git("branch", "develop-bank", "main")
    fleet = fleet_at(repo, tmp_path / "home")
    first = protocols.claim(fleet, Agent(name="amy"), Filter(project="bank"))
    assert isinstance(first, Claimed) and first.record.project == "bank"
    # Who takes anything finds what is on either branch, and each task once.
    rest = [protocols.claim(fleet, Agent(name=f"a{n}"), Filter()) for n in range(3)]
    keys = {one.record.key for one in rest if isinstance(one, Claimed)}
    assert {*keys, first.record.key} == {"shop/TASK-001", "bank/TASK-001", "bank/TASK-002"}
    assert isinstance(rest[2], Missed)
    for one in (first, *rest[:2]):
        assert isinstance(one, Claimed)
        holding.complete(fleet.of_project(one.record.project), Agent(name=one.record.agent), one.record.key)
    assert settle.settle(fleet, OPS) == (sorted([*keys, first.record.key]), 0)
    assert path_of("TASK-001", "bank") in files(repo)  # main does not know yet
    shown = dashboard.overview(fleet)["projects"]
    assert {name: row["completed"] for name, row in shown.items()} == {"bank": 2, "shop": 1}
    # Meanwhile main changed one of those files, which the project's own branch overrules, and something else.
    late = task_text("TASK-002", project="bank", priority=9)
    tip = repo.commit({path_of("TASK-002", "bank"): late, "README.md": "# Both\n"}, "On main")
    done = joining.merge(fleet, OPS, ["develop-bank"])
    assert repo.tip() == done["develop-bank"]
    assert repo.git("rev-list", "--parents", "-1", "main").split()[1:] == [tip, repo.tip("develop-bank")]
    assert files(repo) == {
        layouts.CONFIG,
        *(str(Path(path_of("TASK-001", project)).with_name(layouts.KEEP)) for project in ("shop", "bank")),
        path_of("TASK-001", folder="completed"),
        *(path_of(f"TASK-00{n}", "bank", "completed") for n in (1, 2)),
    }
    assert repo.show("README.md") == "# Both"
    assert joining.merge(fleet, OPS, ["develop-bank"]) == {"develop-bank": ""}
    assert isinstance(protocols.claim(fleet, OPS, Filter()), Missed)
    # What no rule decides is told, and nothing moves.
    base = repo.tip()
    other = repo.commit({"README.md": "# Other\n"}, "Other")
    repo.git("update-ref", "refs/heads/develop-bank", other)
    repo.git("update-ref", "refs/heads/main", base)
    before = repo.commit({"README.md": "# One\n"}, "One")
    with pytest.raises(GitRefused, match=r"both changed README\.md"):
        joining.merge(fleet, OPS, ["develop-bank"])
    assert repo.tip() == before
