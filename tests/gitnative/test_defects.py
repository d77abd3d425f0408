"""The fourteen defects that were proven in the founding scripts, each as what must hold here."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gitnative.fleets import agents, at_once, fleet_at, refs_of, remote_with
from gitnative.taskfiles import DIALECT, path_of, task_text
from paddock.cli import git as verb
from paddock.gitnative import events, holding, presence, records, stalls, tasks
from paddock.gitnative.board import Board
from paddock.gitnative.claiming import Claimed, Missed, claim
from paddock.gitnative.dashboard import overview
from paddock.gitnative.errors import ClaimLost, TaskInvalid
from paddock.gitnative.fleet import Agent, Fleet
from paddock.gitnative.protocol import Decide, Exchange
from paddock.gitnative.remote import Remote, ls_remote
from paddock.gitnative.selection import Filter
from support.repos import Repo, git


class Late(Remote):
    """A remote on which somebody else is always a little faster: he acts between our look and our push."""

    def __init__(self, url: str, rival: Callable[[], None]) -> None:
        super().__init__(url)
        self._rival = rival

    def exchange(self, decide: Decide) -> Exchange:
        refs = ls_remote(self.url)
        push = decide(refs)
        if push is not None:
            self._rival()
        return super().exchange(lambda _now: push)


def late(repo: Repo, tmp_path: Path, times: int = 10_000) -> Fleet:
    """A fleet that loses so many races: the task it goes for is always taken just before."""
    rival = fleet_at(repo, tmp_path / "rival")
    left, monkey = [times], pytest.MonkeyPatch()
    fleet = fleet_at(repo, tmp_path / "late")

    def faster() -> None:
        wanted = fleet.home.all_held("slow")
        if left[0] and wanted:
            left[0] -= 1
            key = wanted[-1].record.key
            monkey.setattr(rival.planner, "best", lambda free, _lost=0: [key] if key in free else free)
            claim(rival, Agent(name=f"fast-{left[0]}"))

    fleet.remote = Late(str(repo.path), faster)
    return fleet


def paddock(home: Path, *words: str) -> int:
    return verb.main("git", [*words, "--home", str(home)])


def test_defect_01_a_claim_says_by_its_exit_code_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = remote_with(tmp_path / "r.git", 2)
    at = ("--repo", str(repo.path))
    assert paddock(tmp_path / "h", "claim", "amy", *at) == 0
    assert capsys.readouterr().out in ("shop/TASK-001\n", "shop/TASK-002\n")
    assert paddock(tmp_path / "h", "claim", "bob", "bakery", *at) == 1
    assert "'bakery' has no task here; those that have: shop" in capsys.readouterr().err
    slow = late(repo, tmp_path)
    monkeypatch.setattr("paddock.cli.git_work.fleet_of", lambda _found: slow)
    assert paddock(tmp_path / "h", "claim", "slow", *at, "--tries", "1") == 2
    assert paddock(tmp_path / "h", "claim", "slow", *at) == 1


def test_defect_02_agents_of_different_projects_never_reject_each_other(tmp_path: Path) -> None:
    files = {path_of("TASK-001", f"p{n}"): task_text("TASK-001", project=f"p{n}") for n in range(6)}
    repo = remote_with(tmp_path / "r.git", [], **files)
    fleets = [(fleet_at(repo, tmp_path / f"h{n}"), agent) for n, agent in enumerate(agents(6))]
    for fleet, _ in fleets:
        fleet.look()
    got = at_once([partial(claim, fleet, agent, Filter(project=f"p{n}")) for n, (fleet, agent) in enumerate(fleets)])
    assert [one.tries for one in got if isinstance(one, Claimed)] == [1] * 6


def test_defect_03_pushes_for_a_claim_do_not_grow_with_the_agents(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 16)
    fleets = [(fleet_at(repo, tmp_path / "h", seed=n), agent) for n, agent in enumerate(agents(16))]
    at_once([partial(presence.announce, fleet, agent) for fleet, agent in fleets])
    got = at_once([partial(claim, fleet, agent) for fleet, agent in fleets])
    assert all(isinstance(one, Claimed) for one in got)
    assert sum(one.tries for one in got) <= 24  # the budget is the bench's; with one lock for all it would be 136


def test_defect_04_a_lock_is_as_wide_as_its_task_and_has_one_winner(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    before = repo.tip()
    fleets = [(fleet_at(repo, tmp_path / f"h{n % 4}", seed=n), agent) for n, agent in enumerate(agents(16))]
    got = at_once([partial(claim, fleet, agent) for fleet, agent in fleets])
    assert sum(isinstance(one, Claimed) for one in got) == 1
    assert list(refs_of(repo)) == ["refs/paddock/claims/shop/TASK-001"]
    assert repo.tip() == before


def test_defect_05_a_late_renewal_of_a_lost_claim_is_refused(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    fleet = fleet_at(repo, tmp_path / "h")
    old = claim(fleet, Agent(name="amy"))
    assert isinstance(old, Claimed)
    seen = fleet.mirror.commits([old.token])[old.token]
    assert stalls.take_over(fleet_at(repo, tmp_path / "w"), Agent(name="w"), "shop/TASK-001", old.token, seen) == "open"
    with pytest.raises(ClaimLost):
        holding.beat(fleet, Agent(name="amy"), "shop/TASK-001", old.token)


def test_defect_06_what_a_task_blocks_is_not_what_it_needs(tmp_path: Path) -> None:
    blocking = task_text("TASK-001").replace("blocks: []", "blocks[1]: TASK-002")
    assert "blocks[1]: TASK-002" in blocking
    repo = remote_with(tmp_path / "r.git", [blocking, task_text("TASK-002", needs=["TASK-001"])])
    got = claim(fleet_at(repo, tmp_path / "h"), Agent(name="amy"))
    assert isinstance(got, Claimed)
    assert got.record.task == "TASK-001"


def test_defect_07_prose_among_the_dependencies_is_refused_with_its_line() -> None:
    text = DIALECT.replace("  TASK-002", "  TASK-002 (Local dev environment)")
    with pytest.raises(TaskInvalid, match=r"TASK-025\.toon:26: dependencies\.required: .* is no task's id"):
        tasks.parse(text, path_of("TASK-025"), "shop")


def test_defect_08_what_an_urgent_task_waits_for_is_taken_before_less_urgent_work() -> None:
    board = Board()
    for name, priority, needs in (("TASK-001", 6, []), ("TASK-002", 9, ["TASK-001"]), ("TASK-003", 7, [])):
        board.add(path_of(name), task_text(name, priority=priority, needs=needs))
    assert board.ready(set())[0] == "shop/TASK-001"


def test_defect_09_the_whole_life_of_a_task_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work, remote = tmp_path / "work", tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", str(remote))
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(work))
    git(work, "remote", "add", "origin", str(remote))
    monkeypatch.chdir(work)
    act = partial(paddock, tmp_path / "h")
    assert act("init", "--project", "shop") == 0
    assert act("check") == 0
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", "[ARCH] Add architecture and 2 tasks")
    git(work, "push", "--quiet", "origin", "main")
    capsys.readouterr()
    assert act("claim", "amy", "shop", "main") == 0
    assert capsys.readouterr().out == "shop/TASK-001\n"
    assert act("claim", "bob") == 1
    assert act("beat", "TASK-001", "amy") == 0
    assert act("complete", "TASK-001", "amy", "https://forge.example/pull/1") == 0
    assert act("claim", "bob") == 0
    assert act("release", "TASK-002", "bob") == 0
    assert act("claim", "bob") == 0
    assert act("complete", "TASK-002", "bob") == 0
    capsys.readouterr()
    assert act("dashboard", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["projects"]["shop"]["completed"] == 2
    assert shown["projects"]["shop"]["percent"] == 100


def test_defect_10_ending_stalled_claims_decides_on_what_is_there_now_and_keeps_history(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    fleet, amy = fleet_at(repo, tmp_path / "h"), Agent(name="amy")
    claim(fleet, amy)
    watcher = fleet_at(repo, tmp_path / "w")
    stalls.release_stalled(watcher, Agent(name="w"), 30, now=0.0)
    holding.beat(fleet, amy, "shop/TASK-001")  # just in time
    assert stalls.release_stalled(watcher, Agent(name="w"), 30, now=1_801.0).released == ()
    assert stalls.release_stalled(watcher, Agent(name="w"), 30, now=3_602.0).released == ("shop/TASK-001",)
    told = repo.git("log", "--format=%s", "refs/paddock/claims/shop/TASK-001").splitlines()
    assert [line.split("]")[0] for line in told] == ["[ORCHESTRATOR", "[AGENT-HEARTBEAT", "[AGENT-CLAIM"]
    record = records.read(repo.git("log", "-1", "--format=%B", "refs/paddock/claims/shop/TASK-001"))
    assert (record.agent, record.losses) == ("amy", 1)


def test_defect_11_only_the_holder_completes_and_only_that_task(tmp_path: Path) -> None:
    files = {path_of("TASK-001", "bank"): task_text("TASK-001", project="bank")}
    repo = remote_with(tmp_path / "r.git", 1, **files)
    fleet = fleet_at(repo, tmp_path / "h")
    claim(fleet, Agent(name="amy"), Filter(project="shop"))
    for key in ("shop/TASK-001", "bank/TASK-001"):
        with pytest.raises(ClaimLost):
            holding.complete(fleet_at(repo, tmp_path / "h2"), Agent(name="bob"), key)
    trap = tmp_path / "trap"
    title = f"TASK-001 $(touch {trap}) `touch {trap}`; touch {trap}"
    holding.complete(fleet, Agent(name="amy"), "shop/TASK-001", pr_url=title)
    assert not trap.exists()
    assert [ref for ref in refs_of(repo) if "/done/" in ref] == ["refs/paddock/done/shop/TASK-001"]
    record = records.read(repo.git("log", "-1", "--format=%B", "refs/paddock/done/shop/TASK-001"))
    assert record.pr_url == title


def test_defect_12_figures_count_losses_and_nothing_is_told_by_dates_of_files(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 3)
    slow = late(repo, tmp_path, times=2)
    got = claim(slow, Agent(name="slow"))
    assert isinstance(got, Claimed)
    told = events.metrics(slow.events.read())
    assert (told["attempts"], told["conflicts"], told["claims"]) == (3, 2, 1)
    assert told["conflict_rate"] == pytest.approx(2 / 3, abs=0.001)
    stalls.observe(slow, slow.view().held(), now=0.0)
    for path in slow.home.path.rglob("*"):
        os.utime(path)
    stood = stalls.observe(slow, slow.view().held(), now=2_000.0)
    assert set(stood.values()) == {2_000.0}
    empty = remote_with(tmp_path / "empty.git", [], **{".agents/projects/shop.toon": "project:\n  id: shop\n"})
    shown = overview(fleet_at(empty, tmp_path / "h"))
    assert shown["projects"] == {}
    assert shown["metrics"]["conflict_rate"] == 0.0


def test_defect_12_a_place_for_pushes_is_free_again_when_its_holder_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from paddock.gitnative.locks import place\n"
        "with place(Path(sys.argv[1]), 1): print('in', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"in\n"
    waiter = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert waiter.stdout is not None
    holder.send_signal(signal.SIGKILL)
    assert waiter.stdout.readline() == b"in\n"
    for process in (holder, waiter):
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_defect_13_renewals_leave_the_shared_branch_alone(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    fleet, before = fleet_at(repo, tmp_path / "h"), repo.tip()
    claim(fleet, Agent(name="amy"))
    for _ in range(3):
        holding.beat(fleet, Agent(name="amy"), "shop/TASK-001")
    assert repo.tip() == before


def test_defect_14_who_loses_goes_on_to_another_task(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 3)
    slow = late(repo, tmp_path, times=2)
    got = claim(slow, Agent(name="slow"))
    assert isinstance(got, Claimed)
    assert got.tries == 3
    assert isinstance(claim(slow, Agent(name="other")), Missed)
