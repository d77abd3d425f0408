"""The ways to a remote, and remotes that are difficult."""

import os
from functools import partial
from pathlib import Path
from unittest.mock import ANY

import pytest
from bench.git_servers import daemon, smart_http

from gitnative.fleets import agents, at_once, fleet_at, refs_of, remote_with
from gitnative.taskfiles import task_text
from paddock.gitnative import channels, few, holding, layouts, presence
from paddock.gitnative.claiming import Claimed, Missed, claim
from paddock.gitnative.errors import GitRefused, GitUnreachable
from paddock.gitnative.fleet import Agent
from paddock.gitnative.protocol import Decide, Exchange
from support.repos import Repo, git


def won(got: Claimed | Missed) -> Claimed:
    assert isinstance(got, Claimed)
    return got


DENY = """\
#!/bin/sh
while read old new ref; do case $ref in refs/heads/*) ;; *) echo only branches here >&2; exit 1;; esac; done
"""


def hook(repo: Repo, name: str, text: str) -> None:
    path = repo.path / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


# Takes the place of ssh: what stands behind the host is run here.
SSH = """\
#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift 2
exec sh -c "$*"
"""


@pytest.mark.parametrize("form", ["ssh://someone@host.example:2222{path}", "someone@host.example:{path}"])
def test_ssh_is_asked_for_the_receiving_side_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    repo = remote_with(tmp_path / "a repo.git", 3)
    program = tmp_path / "ssh"
    program.write_text(SSH)
    program.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(program))
    monkeypatch.setenv("GIT_SSH_VARIANT", "ssh")
    fleet = fleet_at(form.format(path=repo.path), tmp_path / "home")
    seen = fleet.remote.exchange(lambda _refs: None)
    assert seen.refs == {"refs/heads/main": repo.tip()}


@pytest.mark.parametrize("scheme", ["file", "daemon", "http"])
def test_every_transport_carries_the_whole_way(tmp_path: Path, scheme: str) -> None:
    served = tmp_path / "served"
    repo = remote_with(served / "r.git", 3)
    repo.git("config", "http.receivepack", "true")
    if scheme == "file":
        _race(repo, repo.path.as_uri(), tmp_path)
        return
    with (daemon if scheme == "daemon" else smart_http)(served) as base:
        _race(repo, f"{base}/r.git", tmp_path)


def _race(repo: Repo, url: str, tmp_path: Path) -> None:
    fleets = [(fleet_at(url, tmp_path / "home", seed=n), agent) for n, agent in enumerate(agents(4))]
    got = at_once([partial(claim, fleet, agent) for fleet, agent in fleets])
    won = [one for one in got if isinstance(one, Claimed)]
    assert sorted(one.record.task for one in won) == ["TASK-001", "TASK-002", "TASK-003"]
    at = got.index(won[0])
    holding.complete(*fleets[at], won[0].record.key)
    assert f"refs/paddock/done/{won[0].record.key}" in refs_of(repo)
    assert not fleets[0][0].remote.by_process


def test_a_remote_that_takes_no_refs_says_so_and_names_the_way_out(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    hook(repo, "pre-receive", DENY)
    fleet = fleet_at(repo, tmp_path / "home")
    with pytest.raises(GitRefused, match="only branches here") as caught:
        claim(fleet, Agent(name="amy"), None, 4)
    assert "fallback" in caught.value.hint
    assert "cannot run" not in caught.value.message
    assert refs_of(repo) == {}


def test_the_configured_branches_are_used_when_refs_are_refused(tmp_path: Path) -> None:
    config = "coordination:\n  fallback: refs/heads/paddock\n"
    repo = remote_with(tmp_path / "r.git", 2, **{layouts.CONFIG: config})
    hook(repo, "pre-receive", DENY)
    said: list[str] = []
    fleet = fleet_at(repo, tmp_path / "home")
    fleet.say = said.append
    first = claim(fleet, Agent(name="amy"))
    assert isinstance(first, Claimed)
    assert said == [
        f"{repo.path} refuses refs/paddock/…; claims go to refs/heads/paddock/… as .agents/paddock.toon says"
    ]
    # Another process sees at once where the claims are.
    other = fleet_at(repo, tmp_path / "other")
    second = claim(other, Agent(name="bob"))
    assert isinstance(second, Claimed)
    assert {first.record.task, second.record.task} == {"TASK-001", "TASK-002"}
    holding.complete(fleet, Agent(name="amy"), first.record.key)
    assert set(refs_of(repo, "refs/heads/paddock")) == {
        "refs/heads/paddock/claims/shop/TASK-001",
        "refs/heads/paddock/claims/shop/TASK-002",
        f"refs/heads/paddock/done/{first.record.key}",
    }


def test_a_hook_with_moods_is_no_reason_to_go_elsewhere(tmp_path: Path) -> None:
    config = "coordination:\n  fallback: refs/heads/paddock\n"
    repo = remote_with(tmp_path / "r.git", 1, **{layouts.CONFIG: config})
    fleet = fleet_at(repo, tmp_path / "home")
    presence.announce(fleet, Agent(name="early"))
    hook(repo, "pre-receive", DENY)
    with pytest.raises(GitRefused):
        claim(fleet, Agent(name="amy"), None, 5)
    assert refs_of(repo, "refs/heads/paddock") == {}


def test_a_broken_task_is_a_problem_and_the_others_are_done(tmp_path: Path) -> None:
    texts = [task_text("TASK-001"), "this is: no\n  toon [\n"]
    repo = remote_with(tmp_path / "r.git", texts)
    fleet = fleet_at(repo, tmp_path / "home")
    got = claim(fleet, Agent(name="amy"))
    assert isinstance(got, Claimed)
    assert got.record.task == "TASK-001"
    _, stored = fleet.look()
    assert [problem.path for problem in stored.problems] == [".agents/projects/shop/tasks/TASK-002.toon"]


def test_what_does_not_speak_git_is_said_so(tmp_path: Path, free_port: int) -> None:
    with pytest.raises(GitUnreachable, match="cannot be reached"):
        claim(fleet_at(f"git://127.0.0.1:{free_port}/r.git", tmp_path / "home"), Agent(name="a"), None, 2)
    (tmp_path / "plain").mkdir()
    with pytest.raises(GitUnreachable, match=r"not a git repository|does not appear"):
        claim(fleet_at(str(tmp_path / "plain"), tmp_path / "home"), Agent(name="a"), None, 2)


def test_a_password_in_an_address_is_never_shown() -> None:
    assert channels.shown("https://me:secret@forge.example/r.git") == "https://forge.example/r.git"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root works for others")
def test_root_leaves_nothing_of_its_own_in_somebodys_repository(traversable_tmp: Path) -> None:
    repo = remote_with(traversable_tmp / "r.git", 2)
    git(repo.path, "repack", "-adq")
    for path in (repo.path, *repo.path.rglob("*")):
        os.chown(path, 65_534, 65_534)
    for process in (False, True):
        fleet = fleet_at(repo, traversable_tmp / f"home-{process}", process=process)
        fleet.look()
        got = claim(fleet, Agent(name=f"amy-{process}"))
        assert isinstance(got, Claimed)
    assert {path.stat().st_uid for path in repo.path.rglob("*")} == {65_534}


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_of_many_refs_only_those_that_matter_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr("paddock.gitnative.fleet.MANY", 3)
    repo = remote_with(tmp_path / "served" / "r.git", 6)
    repo.git("config", "http.receivepack", "true")
    for number in (1, 2):  # somebody holds these
        repo.git("update-ref", f"refs/paddock/claims/shop/TASK-00{number}", repo.tip())
    repo.git("update-ref", "refs/tags/v1", repo.tip())
    seen: list[tuple[str, ...]] = []
    real = few.exchange

    def watched(url: str, below: list[str], decide: Decide, able: frozenset[str]) -> Exchange:
        found = real(url, below, decide, able)
        seen.append(tuple(found.refs))
        return found

    monkeypatch.setattr(few, "exchange", watched)
    with smart_http(repo.path.parent) as base:
        url = repo.path.as_uri() if scheme == "file" else f"{base}/r.git"
        fleet, amy, bob = fleet_at(url, tmp_path / "home"), Agent(name="amy"), Agent(name="bob")
        fleet.look()
        first = won(claim(fleet, amy))
        assert not seen  # the first look is at everything
        # Somebody elsewhere takes three more, which this host has not seen.
        taken = [key for n in range(3, 7) if (key := f"TASK-00{n}") != first.record.task]
        for key in taken[:2]:
            repo.git("update-ref", f"refs/paddock/claims/shop/{key}", repo.tip())
        second = won(claim(fleet, bob))
        assert (second.record.task, second.tries) == (taken[2], 1)
        assert seen and all("refs/tags/v1" not in refs for refs in seen)
        assert not any("TASK-001" in ref for refs in seen for ref in refs)
        # What is done, given back or renewed costs no look at everything either, and is seen by the next claim.
        holding.beat(fleet, amy, first.record.key)
        holding.complete(fleet, amy, first.record.key)
        holding.release(fleet, bob, second.record.key)
        again = won(claim(fleet, amy))
        assert (again.record.task, again.record.epoch) == (second.record.task, 2)
        assert claim(fleet, bob) == Missed(lost=False, tries=0, ms=ANY)
        assert not any("refs/tags/v1" in refs for refs in seen)
    assert repo.git("fsck", "--strict", check=False) == ""
