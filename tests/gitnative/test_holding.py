"""Supervisors: they renew what agents forget to, and when they die the task is free again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gitnative.fleets import fleet_at, refs_of, remote_with
from gitnative.taskfiles import task_text
from paddock.gitnative import stalls
from paddock.gitnative.claiming import Claimed, claim
from paddock.gitnative.fleet import Agent
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
