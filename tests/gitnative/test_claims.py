"""Claims as refs: who gets a task, keeps it, loses it, and what the remote's history says of it."""

from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from gitnative.fleets import agents, at_once, fleet_at, refs_of, remote_with
from gitnative.taskfiles import task_text
from paddock.gitnative import claiming, gitrun, holding, presence, records, stalls
from paddock.gitnative.claiming import Claimed, Missed, claim
from paddock.gitnative.errors import ClaimLost, GitRefused, GitUnreachable
from paddock.gitnative.fleet import Agent
from paddock.gitnative.protocol import Decide, Exchange
from paddock.gitnative.remote import Remote
from paddock.gitnative.selection import Filter, by_rank
from support.repos import make_repo


def won(got: Claimed | Missed) -> Claimed:
    assert isinstance(got, Claimed)
    return got


def missed(got: Claimed | Missed) -> tuple[bool, int]:
    assert isinstance(got, Missed)
    return got.lost, got.tries


@pytest.mark.parametrize("process", [False, True], ids=["in-process", "git-process"])
def test_the_whole_way_of_a_task(tmp_path: Path, process: bool) -> None:
    repo = remote_with(tmp_path / "r.git", [task_text("TASK-001"), task_text("TASK-002", needs=["TASK-001"])])
    fleet, agent = fleet_at(repo, tmp_path / "home", process=process), Agent(name="amy")
    first = won(claim(fleet, agent))
    assert first.record.key == "shop/TASK-001"
    assert missed(claim(fleet, Agent(name="bob"))) == (False, 0)
    renewed = holding.beat(fleet, agent, "shop/TASK-001")
    assert refs_of(repo) == {"refs/paddock/claims/shop/TASK-001": renewed}
    done = holding.complete(fleet, agent, "shop/TASK-001", pr_url="https://forge.example/pull/7")
    assert set(refs_of(repo).values()) == {done}
    assert won(claim(fleet, Agent(name="bob"))).record.key == "shop/TASK-002"
    lines = repo.git("log", "--format=%s", "refs/paddock/claims/shop/TASK-001").splitlines()
    assert lines == [
        "[AGENT-COMPLETE] amy completed shop/TASK-001",
        "[AGENT-HEARTBEAT] amy working on TASK-001",
        "[AGENT-CLAIM] amy claimed TASK-001 from shop",
    ]
    record = records.read(repo.git("log", "-1", "--format=%B", done))
    assert (record.agent, record.epoch, record.state, record.pr_url) == (
        "amy",
        1,
        "completed",
        "https://forge.example/pull/7",
    )
    assert repo.git("fsck", "--strict", check=False) == ""


def test_who_comes_to_a_host_that_knows_the_tasks_claims_at_the_first_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = remote_with(tmp_path / "r.git", 2)
    won(claim(fleet_at(repo, tmp_path / "home"), Agent(name="amy")))
    looks, exchange = [], Remote.exchange

    def look(remote: Remote, decide: Decide) -> Exchange:
        looks.append(remote)
        return exchange(remote, decide)

    monkeypatch.setattr(Remote, "exchange", look)
    won(claim(fleet_at(repo, tmp_path / "home"), Agent(name="bob")))
    assert len(looks) == 1


def test_many_agents_for_as_many_tasks_get_one_each(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 12)
    fleets = [(fleet_at(repo, tmp_path / "home", seed=n), agent) for n, agent in enumerate(agents(12))]
    got = at_once([partial(claim, fleet, agent) for fleet, agent in fleets])
    assert sorted(won(one).record.key for one in got) == [f"shop/TASK-{n:03}" for n in range(1, 13)]


@pytest.mark.parametrize("announced", [False, True])
def test_more_agents_than_tasks_make_no_more_claims(tmp_path: Path, announced: bool) -> None:
    repo = remote_with(tmp_path / "r.git", 3)
    fleets = [(fleet_at(repo, tmp_path / "home", seed=n), agent) for n, agent in enumerate(agents(9))]
    if announced:
        for fleet, agent in fleets:
            presence.announce(fleet, agent)
    got = at_once([partial(claim, fleet, agent) for fleet, agent in fleets])
    keys = [one.record.key for one in got if isinstance(one, Claimed)]
    assert sorted(keys) == ["shop/TASK-001", "shop/TASK-002", "shop/TASK-003"]


def test_announced_agents_fall_to_different_tasks(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 6)
    fleets = [(fleet_at(repo, tmp_path / "home"), agent) for agent in agents(6)]
    for fleet, agent in fleets:
        presence.announce(fleet, agent)
    view, stored = fleets[0][0].look()
    free = fleets[0][0].planner.ready(stored, frozenset(), Filter())
    assert len({by_rank(free, view, agent.name) for _, agent in fleets}) == 6
    one = won(claim(*fleets[2]))
    assert one.tries == 1
    # Who is left falls to what he fell to before.
    now = fleets[0][0].view()
    left = [key for key in free if key != one.record.key]
    before = {agent.name: by_rank(free, view, agent.name) for _, agent in fleets}
    assert all(by_rank(left, now, name) == key for name, key in before.items() if key != one.record.key)
    got = [won(claimed) for claimed in at_once([partial(claim, *each) for each in fleets if each is not fleets[2]])]
    assert len({claimed.record.key for claimed in got} | {one.record.key}) == 6


def test_eleven_who_take_over_the_same_claim_are_ten_too_many(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    fleet = fleet_at(repo, tmp_path / "home")
    held = won(claim(fleet, Agent(name="dead")))
    text = fleet.mirror.commits([held.token])[held.token]

    def racer(number: int) -> str:
        rival = fleet_at(repo, tmp_path / f"h{number}")
        return stalls.take_over(rival, Agent(name=f"t{number}"), "shop/TASK-001", held.token, text)

    took = at_once([partial(racer, n) for n in range(11)])
    assert sorted(took) == [""] * 10 + ["open"]
    again = won(claim(fleet, Agent(name="next")))
    assert (again.record.epoch, again.record.losses) == (2, 1)


def test_a_zombie_neither_renews_nor_completes_nor_releases(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    fleet, zombie = fleet_at(repo, tmp_path / "home"), Agent(name="zombie")
    held = won(claim(fleet, zombie))
    text = fleet.mirror.commits([held.token])[held.token]
    assert stalls.take_over(fleet, Agent(name="watch"), "shop/TASK-001", held.token, text) == "open"
    heir = fleet_at(repo, tmp_path / "other")
    now = won(claim(heir, Agent(name="heir")))
    for act in (holding.beat, holding.complete, holding.release):
        with pytest.raises(ClaimLost):
            act(fleet, zombie, "shop/TASK-001", held.token)
    assert refs_of(repo)["refs/paddock/claims/shop/TASK-001"] == now.token
    holding.complete(heir, Agent(name="heir"), "shop/TASK-001")


def test_an_agent_of_the_same_name_elsewhere_is_known_by_the_record(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    won(claim(fleet_at(repo, tmp_path / "here"), Agent(name="amy")))
    there = fleet_at(repo, tmp_path / "there")
    with pytest.raises(ClaimLost):
        holding.complete(there, Agent(name="bob"), "shop/TASK-001")
    holding.complete(there, Agent(name="amy"), "shop/TASK-001")
    holding.complete(there, Agent(name="amy"), "shop/TASK-001")  # twice is harmless
    assert missed(claim(there, Agent(name="bob"))) == (False, 0)


def test_a_release_opens_the_task_and_counts_no_loss(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    fleet = fleet_at(repo, tmp_path / "home")
    won(claim(fleet, Agent(name="amy")))
    holding.release(fleet, Agent(name="amy"), "shop/TASK-001", reason="needs a person")
    again = won(claim(fleet, Agent(name="bob")))
    assert (again.record.epoch, again.record.losses) == (2, 0)
    assert set(refs_of(repo)) == {"refs/paddock/claims/shop/TASK-001"}


def test_a_claim_that_stands_still_is_ended_by_the_watchers_own_clock(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 2)
    fleet, dead, alive = fleet_at(repo, tmp_path / "home"), Agent(name="dead"), Agent(name="alive")
    stands, moves = won(claim(fleet, dead)).record.key, won(claim(fleet, alive)).record.key
    watcher = fleet_at(repo, tmp_path / "watcher")
    swept = stalls.release_stalled(watcher, Agent(name="w"), 30, now=1_000.0)
    assert (swept.released, set(swept.watched)) == ((), {stands, moves})
    holding.beat(fleet, alive, moves)
    swept = stalls.release_stalled(watcher, Agent(name="w"), 30, now=1_000.0 + 1_799)
    assert swept.released == ()
    swept = stalls.release_stalled(watcher, Agent(name="w"), 30, now=1_000.0 + 1_801)
    assert swept.released == (stands,)
    subject = repo.git("log", "-1", "--format=%s", f"refs/paddock/claims/{stands}")
    assert subject == "[ORCHESTRATOR] Released 1 stalled tasks (no heartbeat for 30m)"


def test_a_task_that_is_lost_again_and_again_waits_for_a_person(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    fleet = fleet_at(repo, tmp_path / "home")
    for loss in range(1, 6):
        held = won(claim(fleet, Agent(name="dead")))
        text = fleet.mirror.commits([held.token])[held.token]
        ended = stalls.take_over(fleet, Agent(name="w"), "shop/TASK-001", held.token, text)
        assert ended == ("open" if loss < 5 else "parked")
    assert isinstance(claim(fleet, Agent(name="next")), Missed)


def test_filters_choose_by_project_role_and_priority(tmp_path: Path) -> None:
    texts = [
        task_text("TASK-001", priority=9, role="reviewer"),
        task_text("TASK-002", priority=3),
        task_text("TASK-003"),
    ]
    repo = remote_with(tmp_path / "r.git", texts)
    fleet = fleet_at(repo, tmp_path / "home")
    assert isinstance(claim(fleet, Agent(name="a"), Filter(project="bank")), Missed)
    assert won(claim(fleet, Agent(name="a"), Filter(min_priority=4))).record.task == "TASK-003"
    assert isinstance(claim(fleet, Agent(name="a"), Filter(min_priority=4)), Missed)
    assert won(claim(fleet, Agent(name="a"), Filter(role="reviewer"))).record.task == "TASK-001"
    assert won(claim(fleet, Agent(name="a"))).record.task == "TASK-002"


def test_the_most_urgent_is_taken_first_whatever_is_less_urgent(tmp_path: Path) -> None:
    texts = [task_text(f"TASK-{n:03}", priority=n) for n in range(1, 6)]
    fleet = fleet_at(remote_with(tmp_path / "r.git", texts), tmp_path / "home")
    got = [won(claim(fleet, agent)).record.task for agent in agents(5)]
    assert got == [f"TASK-{n:03}" for n in (5, 4, 3, 2, 1)]


def test_new_tasks_are_seen_as_soon_as_they_are_pushed(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    fleet = fleet_at(repo, tmp_path / "home")
    won(claim(fleet, Agent(name="amy")))
    repo.commit({".agents/projects/shop/tasks/TASK-077.toon": task_text("TASK-077")}, "[ARCH] Add one task")
    assert won(claim(fleet, Agent(name="bob"))).record.task == "TASK-077"


def test_a_remote_that_is_none_or_is_empty_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(GitUnreachable, match="is no repository"):
        claim(fleet_at(str(tmp_path / "nothing"), tmp_path / "home"), Agent(name="a"))
    empty = make_repo(tmp_path / "empty.git", 0, bare=True)
    with pytest.raises(GitRefused, match="has no branch yet"):
        claim(fleet_at(empty, tmp_path / "home"), Agent(name="a"))
    bare = make_repo(tmp_path / "no-tasks.git", 1, bare=True)
    assert isinstance(claim(fleet_at(bare, tmp_path / "home"), Agent(name="a")), Missed)


def test_an_answer_that_is_lost_is_no_claim_that_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    fleet, real, cuts = fleet_at(repo, tmp_path / "home"), fleet_at(repo, tmp_path / "x").remote, [1, 1]

    def cut(decide: object) -> object:
        seen = real.exchange(decide)  # type: ignore[arg-type]
        if seen.report is not None and cuts:
            cuts.pop()
            raise GitUnreachable("the line went dead behind the push")
        return seen

    monkeypatch.setattr(fleet.remote, "exchange", cut)
    got = won(claim(fleet, Agent(name="amy")))
    assert got.tries == 1
    assert refs_of(repo) == {"refs/paddock/claims/shop/TASK-001": got.token}
    cuts.append(1)
    assert holding.complete(fleet, Agent(name="amy"), "shop/TASK-001") in refs_of(repo).values()


def test_a_win_that_took_too_long_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refs of settled tasks go away; who saw the refs of before must not begin what is long done."""
    repo = remote_with(tmp_path / "r.git", 1)
    fleet = fleet_at(repo, tmp_path / "home")
    fleet.look()
    monkeypatch.setattr(claiming, "SWEEP_AFTER", 0.0)
    real = fleet.remote.exchange

    def slow(decide: object) -> object:
        monkeypatch.setattr(fleet.remote, "exchange", real)
        seen = real(decide)  # type: ignore[arg-type]
        repo.commit({".agents/completed/shop/TASK-001.toon": task_text("TASK-001", status="completed")}, "Settle")
        return seen

    monkeypatch.setattr(fleet.remote, "exchange", slow)
    assert isinstance(claim(fleet, Agent(name="amy")), Missed)
    assert refs_of(repo) == {}


def test_a_board_is_read_by_few_processes_however_many_tasks_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = remote_with(tmp_path / "r.git", 60)
    started: list[str] = []
    real = gitrun.run

    def counted(*words: str, **more: Any) -> CompletedProcess[bytes]:
        started.append(words[0])
        return real(*words, **more)

    monkeypatch.setattr(gitrun, "run", counted)
    _, stored = fleet_at(repo, tmp_path / "home").look()
    assert len(stored.tasks) == 60
    assert len(started) < 20, started
