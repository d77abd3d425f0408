"""A fleet on this machine, driven as a user drives it: up, project, submit, review, look around, stop."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.commands import Running, Said, paddock, processes_of, running
from paddock.cli.api import Api
from support.places import free_port, make_traversable, remove_tree
from support.repos import Repo, make_repo
from support.wait import wait_until

BATCH = """\
project: shop
jobs:
  - id: greet
    payload: {argv: [sh, -c, "echo hello; echo hello > greeting.txt"]}
    scope: {files: {write: [greeting.txt]}}
  - id: fail
    payload: {argv: [sh, -c, "echo it broke; exit 3"]}
    max_attempts: 1
  - id: behind
    depends_on: [fail]
    payload: {argv: ["true"]}
  - id: picky
    requires: [nobody-has-this]
    payload: {argv: ["true"]}
"""


@dataclass
class Fleet:
    """A running `paddock up` with a project `shop`; `says` runs a command against it."""

    home: Path
    port: int
    repo: Repo
    up: Running

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, *words: str, stdin: str = "") -> Said:
        """As who stands in the fleet's home types it: nobody names the address."""
        return paddock(self.home, *words, stdin=stdin)

    def asks(self, path: str) -> Any:
        """What the control plane answers; for waiting, where a process at each look would only be in the way."""
        return Api(self.url).get(path)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    home, port = make_traversable(), free_port()
    repo = make_repo(home / "shop")
    with running(home, "up", "--agents", "2", "--port", str(port), "--beat", "1") as up:
        up.until("paddock is up")
        made = Fleet(home, port, repo, up)
        added = made.says("project", "add", "shop", "shop", "--check", "test -f README.md")
        assert added.code == 0, added.err
        yield made
    remove_tree(home)


@pytest.fixture(scope="module")
def batch(fleet: Fleet) -> dict[str, str]:
    """Job names and ids of BATCH, once everything that can run has run."""
    (fleet.home / "b.yaml").write_text(BATCH)
    said = fleet.says("submit", "b.yaml", "--json")
    assert said.code == 0, said.err
    ids = {job["name"]: job["id"] for job in said.json()["jobs"]}

    def settled() -> bool:
        states = {job["name"]: job["state"] for job in fleet.asks("/v1/jobs")}
        return (states["greet"], states["fail"]) == ("in_review", "failed")

    wait_until(settled, what="the batch to run")
    return ids


def test_both_agents_come_online(fleet: Fleet) -> None:
    def online() -> bool:
        return [agent["state"] for agent in fleet.asks("/v1/agents")] == ["online", "online"]

    wait_until(online, what="both agents online")
    assert [agent["state"] for agent in fleet.says("agents", "--json").json()] == ["online", "online"]
    assert "2 of 2 agents (100%)" in fleet.says("fleet").out


def test_agents_are_found_by_what_they_can_do(fleet: Fleet) -> None:
    def names(*words: str) -> list[str]:
        return sorted(agent["name"] for agent in fleet.says("agents", *words, "--json").json())

    wait_until(lambda: names("--kind", "noop", "--healthy") == ["agent-1", "agent-2"], every=0.5, what="both are live")
    assert names("--kind", "noop", "--capability", "linux") == ["agent-1", "agent-2"]
    assert names("--unhealthy") == names("--label", "zone=x") == names("--capability", "linux", "--kind", "nil") == []
    assert "no live agent fits" in fleet.says("agents", "--label", "zone").out
    assert "agent-2" in fleet.says("agents", "--healthy").out


def test_a_project_takes_its_repositorys_default_branch(fleet: Fleet) -> None:
    listed = fleet.says("project", "list", "--json").json()
    assert [(p["name"], p["repo"], p["branch"]) for p in listed] == [("shop", str(fleet.repo.path), "main")]


def test_a_submit_that_the_file_spoils_names_its_line(fleet: Fleet) -> None:
    said = fleet.says("submit", "-", stdin="project: shop\njobs:\n  - id: a\n    paylod: {}\n")
    assert (said.code, said.err) == (2, "paddock: stdin:4: jobs[0]: there is an unknown field `paylod`\n")


def test_an_unknown_project_is_bad_input(fleet: Fleet) -> None:
    said = fleet.says("submit", "--project", "nope", "--id", "x", "--", "true")
    assert (said.code, said.err.startswith("paddock: unknown project 'nope'")) == (2, True)


def test_jobs_say_where_they_stand_and_why(fleet: Fleet, batch: dict[str, str]) -> None:
    assert "lacks nobody-has-this" in fleet.says("job", "why", "picky").out
    assert "needs fail, which is failed" in fleet.says("job", "why", "behind").out
    failed = fleet.says("job", "why", "fail").out
    assert failed.startswith("fail is failed: exit_code (exit code 3)\n") and "paddock job retry fail" in failed
    shown = fleet.says("job", "show", batch["fail"], "--json").json()
    assert (shown["state"], shown["attempts"][0]["exit_code"]) == ("failed", 3)
    assert "exit_code" in fleet.says("jobs", "--in", "failed").out
    assert fleet.says("jobs", "--in", "cancelled").out == "no job passes this filter\n"


def test_logs_are_what_the_run_printed(fleet: Fleet, batch: dict[str, str]) -> None:
    assert fleet.says("job", "logs", batch["greet"]).out == "hello\n"
    assert fleet.says("job", "logs", "-f", "fail").out == "it broke\n"


def test_a_change_is_shown_and_merges_once_a_person_approves(fleet: Fleet, batch: dict[str, str]) -> None:
    def checked() -> bool:
        return bool(fleet.asks("/v1/changes/greet/gate")["reasons"] == ["no person has approved it"])

    wait_until(checked, what="the checks of greet")
    assert fleet.says("gate", "greet", "--json").json()["reasons"] == ["no person has approved it"]
    assert fleet.says("gate", batch["greet"]).code == 1
    assert "+hello" in fleet.says("review", "show", "greet").out
    approved = fleet.says("review", "approve", "greet", "--as", "maria")
    assert (approved.code, "as maria" in approved.out) == (0, True)
    wait_until(lambda: fleet.asks("/v1/changes/greet")["state"] == "merged", what="the merge")
    assert fleet.says("gate", "greet", "--json").json()["state"] == "merged"
    assert fleet.repo.show("greeting.txt") == "hello"
    assert fleet.says("review", "list", "--in", "merged", "--json").json()[0]["approved_by"] == ["maria"]


def test_submit_waits_and_tells_by_its_exit_code(fleet: Fleet) -> None:
    well = fleet.says("submit", "--project", "shop", "--id", "well", "--wait", "--", "true")
    assert (well.code, "well: done" in well.out) == (0, True)
    lines = BATCH.replace("picky", "well").replace("nobody-has-this", "linux").splitlines(keepends=True)
    ill = fleet.says("submit", "-", "--wait", "--timeout", "120", "--json", stdin="".join(lines[:2] + lines[5:]))
    assert {job["name"]: job["state"] for job in ill.json()["jobs"]} == {
        "fail": "failed",
        "behind": "blocked",
        "well": "done",
    }
    assert ill.code == 1
    # A batch behind one that cannot open it any more ends at once, too.
    shut = f"opens_after: {{batch: {ill.json()['batch']}, done: 3}}\n" + "".join([lines[0], lines[1], *lines[-3:]])
    ill = fleet.says("submit", "-", "--wait", "--timeout", "120", stdin=shut)
    assert (ill.code, "gave up" in ill.err, "cannot start until" in ill.err) == (1, False, True)


def test_a_job_is_cancelled_and_tried_again(fleet: Fleet, batch: dict[str, str]) -> None:
    assert fleet.says("job", "cancel", batch["behind"]).out == "behind is cancelled\n"
    assert fleet.says("job", "retry", batch["behind"]).code == 0


def test_an_agent_is_drained_and_resumed(fleet: Fleet) -> None:
    assert fleet.says("agent", "drain", "agent-2").code == 0
    wait_until(lambda: "draining" in [agent["state"] for agent in fleet.asks("/v1/agents")], what="agent-2 to drain")
    assert "draining" in fleet.says("agents").out
    assert fleet.says("agent", "resume", "agent-2", "--json").json()["draining"] is False


def test_status_shows_each_loop_in_words(fleet: Fleet) -> None:
    said = wait_until(lambda: "wake: listening" in (said := fleet.says("status")).out and said, every=0.5, what="it")
    assert said and said.code == 0
    assert "agent-1" in said.out and "├─ beat" in said.out


def test_the_journal_tells_what_happened(fleet: Fleet, batch: dict[str, str]) -> None:
    rows = fleet.says("journal", "--json", "--job", batch["fail"]).json()
    assert rows and all(row["job"] == batch["fail"] for row in rows)
    assert len(fleet.says("journal", "--limit", "3").out.splitlines()) == 3


def test_a_second_fleet_on_the_home_or_the_port_is_refused(fleet: Fleet) -> None:
    again = fleet.says("up", "--port", str(free_port()))
    assert (again.code, "a fleet runs on" in again.err, again.err.count("\n")) == (2, True, 1)
    other = fleet.home / "other"
    taken = fleet.says("up", "--port", str(fleet.port), "--home", str(other))
    assert (taken.code, "--port" in taken.err, taken.err.count("\n")) == (2, True, 1)
    assert processes_of(other) == []


def test_an_agent_that_dies_is_started_again(fleet: Fleet) -> None:
    def agent() -> dict[str, object]:
        found = fleet.says("status", "--json", "--state", str(fleet.home / "agents" / "agent-1"))
        tree: dict[str, object] = found.json()[0]
        return tree

    before = agent()
    os.kill(int(str(before["pid"])), signal.SIGKILL)
    wait_until(lambda: agent()["session"] != before["session"], every=0.5, what="a new session of agent-1")


def test_a_stop_leaves_nothing_behind(fleet: Fleet) -> None:
    assert fleet.up.stop() == 0
    assert processes_of(fleet.home) == []
    assert fleet.says("fleet").code == 3
