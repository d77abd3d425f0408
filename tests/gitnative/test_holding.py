"""Supervisors: they renew what agents forget to, and when they die the task is free again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from bench.git_servers import daemon, smart_http

from gitnative.fleets import fleet_at, refs_of, remote_with
from gitnative.taskfiles import path_of, task_text
from paddock.agent import sourced
from paddock.agent.config import AgentConfig
from paddock.gitnative import stalls
from paddock.gitnative.claiming import Claimed, claim
from paddock.gitnative.fleet import Agent
from paddock.gitnative.selection import Filter
from paddock.gitnative.source import GitSource, Work
from paddock.sandbox import Containment, NotContained
from support.repos import Repo
from support.wait import wait_until

PADDOCK = str(Path(sys.executable).with_name("paddock"))


def start(repo: Repo, home: Path, *command: str, beat: str = "0.05s") -> "subprocess.Popen[bytes]":
    words = ["git", "claim", "amy", "--repo", str(repo.path), "--home", str(home), "--hold", "--beat", beat]
    return subprocess.Popen([PADDOCK, *words, "--", *command], start_new_session=True)


def subjects(repo: Repo) -> list[str]:
    claims = [ref for ref in refs_of(repo) if "/claims/" in ref]
    return repo.git("log", "--format=%s", claims[0]).splitlines() if claims else []


def test_an_agent_that_never_beats_keeps_its_task_while_its_supervisor_lives(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    go = tmp_path / "go"
    holder = start(
        repo,
        tmp_path / "h",
        "sh",
        "-c",
        f'echo "$AGENT_TASK" > {tmp_path}/task; until [ -e {go} ]; do sleep 0.05; done',
    )
    try:
        wait_until(lambda: sum("HEARTBEAT" in line for line in subjects(repo)) >= 3, 60)
        assert (tmp_path / "task").read_text() == "shop/TASK-001\n"
        go.touch()
        assert holder.wait(60) == 0
    finally:
        holder.kill()
        holder.wait()
    assert subjects(repo)[0] == "[AGENT-COMPLETE] amy completed shop/TASK-001"


def test_it_loses_its_task_when_the_supervisor_dies_and_is_ended_with_it(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    holder = start(repo, tmp_path / "h", "sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 600")
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), 60)
    worker = int((tmp_path / "pid").read_text())
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    wait_until(lambda: not Path(f"/proc/{worker}").exists(), 60, what="the command is ended with its supervisor")
    watcher = fleet_at(repo, tmp_path / "w")
    for now in (0.0, 1_801.0):
        swept = stalls.release_stalled(watcher, Agent(name="w"), 30, now=now)
    assert swept.released == ("shop/TASK-001",)
    assert isinstance(claim(watcher, Agent(name="next")), Claimed)


def test_who_has_lost_its_task_is_stopped(tmp_path: Path) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    holder = start(repo, tmp_path / "h", "sleep", "600")
    try:
        wait_until(lambda: subjects(repo), 60)
        watcher = fleet_at(repo, tmp_path / "w")

        def taken() -> bool:
            token = refs_of(repo)["refs/paddock/claims/shop/TASK-001"]
            return stalls.take_over(watcher, Agent(name="w"), "shop/TASK-001", token, "") == "open"

        wait_until(taken, 60)
        assert holder.wait(60) == 4
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.parametrize(("code", "state"), [(3, "open")])
def test_a_command_that_fails_gives_its_task_back(tmp_path: Path, code: int, state: str) -> None:
    repo = remote_with(tmp_path / "r.git", 1)
    assert start(repo, tmp_path / "h", "sh", "-c", f"exit {code}", beat="10m").wait(60) == code
    assert any(f"/{state}/" in ref for ref in refs_of(repo))


@pytest.mark.parametrize("serve", [smart_http, daemon])
def test_a_whole_agent_works_over_http_and_gits_own_port(
    traversable_tmp: Path, serve: Callable[[Path], AbstractContextManager[str]]
) -> None:
    home = traversable_tmp
    run = {"argv": ["sh", "-c", "echo one > one.txt"], "write": ["one.txt"]}
    repo = remote_with(home / "served" / "r.git", [task_text("TASK-001", run=run)])
    repo.git("config", "http.receivepack", "true")
    with serve(repo.path.parent) as base:
        words = ["run", "--source", "git", "--repo", f"{base}/r.git", "--name", "host-1", "--home", str(home / "home")]
        done = subprocess.run([PADDOCK, *words, "--once"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (branch,) = refs_of(repo, "refs/heads/paddock")
    assert repo.show("one.txt", branch) == "one"
    assert any("/done/" in ref for ref in refs_of(repo))


def test_a_whole_agent_works_from_the_remote_alone(traversable_tmp: Path) -> None:
    home = traversable_tmp
    texts = [
        task_text("TASK-001", run={"argv": ["sh", "-c", "echo one > one.txt"], "write": ["one.txt"]}),
        task_text("TASK-002", needs=["TASK-001"], run={"argv": ["sh", "-c", 'cp "$AGENT_TASK_FILE" two.txt']}),
        task_text("TASK-003", run={"argv": ["sh", "-c", "echo bad > elsewhere.txt"], "write": ["docs/**"]}),
        task_text("TASK-004"),
    ]
    config = {".agents/paddock.toon": "coordination:\n  max_losses: 1\n"}
    repo = remote_with(home / "r.git", texts, **config)
    words = ["run", "--source", "git", "--repo", str(repo.path), "--name", "host-1", "--home", str(home / "home")]
    done = subprocess.run([PADDOCK, *words, "--once", "--slots", "2"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr  # one task failed
    branches = {ref.rsplit("/", 1)[1][:13]: ref for ref in refs_of(repo, "refs/heads/paddock")}
    assert set(branches) == {"shop-task-001", "shop-task-002"}
    assert repo.show("one.txt", branches["shop-task-001"]) == "one"
    assert "TASK-002" in repo.show("two.txt", branches["shop-task-002"])
    states = {ref.split("/", 3)[2] + "/" + ref.rsplit("/", 1)[1] for ref in refs_of(repo) if "/wip/" not in ref}
    assert {"done/TASK-001", "done/TASK-002", "parked/TASK-003"} <= states
    assert "claims/TASK-004" not in states  # it does not say what to run
    assert not any("/agents/" in ref for ref in refs_of(repo))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's jobs run as another user, who may be kept out of a folder")
def test_a_host_that_cannot_contain_starts_nothing_and_takes_the_blame(traversable_tmp: Path) -> None:
    home, gate = traversable_tmp, traversable_tmp / "gate"
    gate.mkdir()
    repo = remote_with(home / "r.git", [])
    words = ["run", "--source", "git", "--repo", str(repo.path), "--name", "host-1", "--home", str(home / "home")]
    words += ["--work", str(gate / "work"), "--poll", "1s"]
    agent = subprocess.Popen([PADDOCK, *words], stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: any("/agents/" in ref for ref in refs_of(repo)), 60)
        gate.chmod(0o700)
        repo.commit({path_of("TASK-001"): task_text("TASK-001", run={"argv": ["true"]})}, "[ARCH] Add one task")
        mark = "refs/paddock/open/shop/TASK-001/1.0"
        wait_until(lambda: mark in refs_of(repo), 60, what=f"{mark} among the refs")
    finally:
        agent.terminate()
        _, said = agent.communicate(timeout=60)
    assert said.count("cannot contain jobs any more") == 1
    assert mark in refs_of(repo)


def test_an_agent_does_not_begin_where_boxes_do_not_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo, work = remote_with(tmp_path / "r.git", 1), tmp_path / "work"
    probing = sys.modules["paddock.sandbox.probe"]  # the package gives the function of that name
    monkeypatch.setitem(probing._known, work, Containment("none", False, "no namespaces", "type this"))
    source = GitSource(fleet_at(repo, tmp_path / "home"), Agent(name="host-1"), Work(want=Filter()))
    config = AgentConfig(state=tmp_path / "state", server="", name="host-1", work=work)
    with pytest.raises(NotContained, match="no namespaces") as caught:
        sourced.run(config, source, renew_s=60, poll_s=1)
    assert caught.value.hint == "type this"
    assert refs_of(repo) == {}
