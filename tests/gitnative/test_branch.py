"""The older protocol, on a shared branch: the same whole way, in files."""

from functools import partial
from pathlib import Path

import pytest

from gitnative.fleets import agents, at_once, fleet_at, remote_with
from gitnative.taskfiles import DIALECT, path_of, task_text
from paddock.gitnative import branch, layouts, protocols, toon
from paddock.gitnative.claiming import Claimed, Missed
from paddock.gitnative.errors import ClaimLost
from paddock.gitnative.fleet import Agent
from support.repos import Repo

CONFIG = {layouts.CONFIG: "coordination:\n  protocol: branch\n"}


def files(repo: Repo) -> set[str]:
    return {path for path in repo.git("ls-tree", "-r", "--name-only", "main").splitlines() if path_of("x")[:7] in path}


def claimed(got: Claimed | Missed) -> str:
    assert isinstance(got, Claimed)
    return got.record.key


def test_the_whole_way_of_a_task_in_files(tmp_path: Path) -> None:
    texts = [task_text("TASK-001"), task_text("TASK-002", needs=["TASK-001"])]
    repo = remote_with(tmp_path / "r.git", texts, **CONFIG)
    fleet, amy = fleet_at(repo, tmp_path / "home"), Agent(name="amy")
    verbs = protocols.of(fleet)
    assert verbs.name == "branch"
    assert claimed(verbs.claim(fleet, amy)) == "shop/TASK-001"
    held = toon.loads(repo.show(path_of("TASK-001", folder="claimed")), "x").value
    assert (held["task"]["status"], held["claim"]["claimed_by"]) == ("claimed", "amy")
    with pytest.raises(ClaimLost):
        verbs.complete(fleet, Agent(name="bob"), "shop/TASK-001")
    verbs.beat(fleet, amy, "shop/TASK-001")
    verbs.complete(fleet, amy, "shop/TASK-001", pr_url="https://forge.example/pull/7")
    done = toon.loads(repo.show(path_of("TASK-001", folder="completed")), "x").value
    assert (done["task"]["status"], done["completion"]["completed_by"]) == ("completed", "amy")
    assert toon.loads(repo.show(path_of("TASK-002")), "x").value["task"]["status"] == "ready"
    assert claimed(verbs.claim(fleet, Agent(name="bob"))) == "shop/TASK-002"
    assert repo.git("log", "--format=%s", "-3", "main").splitlines() == [
        "[AGENT-CLAIM] bob claimed TASK-002 from shop",
        "[AGENT-COMPLETE] amy completed shop/TASK-001",
        "[AGENT-HEARTBEAT] amy working on TASK-001",
    ]
    assert repo.git("fsck", "--strict", check=False) == ""
    assert repo.show("README.md") == "# Shop"


def test_rivals_on_one_branch_get_a_task_each(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 4, **CONFIG)
    fleets = [(fleet_at(repo, tmp_path / "home", seed=n), agent) for n, agent in enumerate(agents(6))]
    got = at_once([partial(branch.claim, fleet, agent, None, 40) for fleet, agent in fleets])
    keys = [one.record.key for one in got if isinstance(one, Claimed)]
    assert sorted(keys) == [f"shop/TASK-{n:03}" for n in range(1, 5)]


def test_a_file_in_the_older_dialect_stays_in_it(tmp_path: Path) -> None:
    text = DIALECT.replace("TASK-025", "TASK-003").replace("status: blocked", "status: ready")
    done = {path_of(f"TASK-00{n}", folder="completed"): task_text(f"TASK-00{n}") for n in (1, 2)}
    repo = remote_with(tmp_path / "r.git", [], **{path_of("TASK-003"): text}, **done, **CONFIG)
    fleet = fleet_at(repo, tmp_path / "home")
    assert claimed(branch.claim(fleet, Agent(name="amy"))) == "shop/TASK-003"
    now = repo.show(path_of("TASK-003", folder="claimed"))
    head, _, claim = now.partition("\nclaim:\n")
    assert head.strip() == text.replace("status: ready", "status: claimed").strip()
    assert all(line.startswith(" ") and not line.startswith("  ") for line in claim.splitlines())
    assert toon.loads(now, "x").value["claim"]["claimed_by"] == "amy"


def test_what_stands_still_goes_back_with_its_history_and_is_parked_in_the_end(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1, **CONFIG)
    fleet = fleet_at(repo, tmp_path / "home")
    for loss in range(1, 6):
        assert claimed(branch.claim(fleet, Agent(name=f"dead-{loss}"))) == "shop/TASK-001"
        assert branch.release_stalled(fleet, Agent(name="w"), 30, now=loss * 10_000.0).released == ()
        swept = branch.release_stalled(fleet, Agent(name="w"), 30, now=loss * 10_000.0 + 1_801)
        assert (swept.released, swept.parked) == ((("shop/TASK-001",), ()) if loss < 5 else ((), ("shop/TASK-001",)))
    text = repo.show(path_of("TASK-001"))
    value = toon.loads(text, "x").value
    assert [value[f"claim_{n}"]["claimed_by"] for n in range(1, 6)] == [f"dead-{n}" for n in range(1, 6)]
    assert isinstance(branch.claim(fleet, Agent(name="next")), Missed)


def test_a_zombie_cannot_write_into_the_file_of_its_heir(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1, **CONFIG)
    fleet, zombie = fleet_at(repo, tmp_path / "home"), Agent(name="amy")
    branch.claim(fleet, zombie)
    for now in (0.0, 1_801.0):
        branch.release_stalled(fleet_at(repo, tmp_path / "w"), Agent(name="w"), 30, now=now)
    heir = fleet_at(repo, tmp_path / "other")
    branch.claim(heir, Agent(name="amy"))  # the same name, another process elsewhere
    with pytest.raises(ClaimLost):
        branch.complete(fleet, zombie, "shop/TASK-001")
    branch.complete(heir, Agent(name="amy"), "shop/TASK-001")


def test_pauses_grow_with_losses_and_with_conflicts_and_have_an_end() -> None:
    assert [branch.backoff(n, 0.0, 0.0) for n in range(1, 7)] == [1, 2, 4, 8, 16, 16]
    assert branch.backoff(1, 0.0, 0.999) == pytest.approx(1.999)
    assert branch.backoff(1, 1.0, 0.0) == 2
    assert branch.backoff(9, 1.0, 1.0) == branch.LONGEST
