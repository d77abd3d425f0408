"""A host that cannot contain, and one that no longer can: nothing runs there, the job waits, and nobody is blamed."""

import subprocess
from collections.abc import Iterator

import pytest

from paddock.sandbox import program
from support import fleet as fleets
from support.fleet import Fleet
from support.places import make_traversable, remove_tree
from support.wait import wait_until

# A program in a user namespace of its own, below which no further one can be made.
SHELL = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
CLOSED = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "sh", "-c", SHELL, "sh"]
CLOSED += ["setpriv", "--inh-caps=-all", "--ambient-caps=-all"]
# A program that sees mounts of its own, which a test can change.
PRIVATE = ["unshare", "--mount", "--propagation", "private"]


def possible(words: list[str]) -> bool:
    """Whether programs can be started so here."""
    return subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    folder = make_traversable()
    try:
        with Fleet(folder) as made:
            yield made
    finally:
        remove_tree(folder)


def start(fleet: Fleet, name: str, words: list[str], monkeypatch: pytest.MonkeyPatch, *more: str) -> fleets.Process:
    with monkeypatch.context() as patch:
        patch.setattr(fleets, "PADDOCK", [*words, *fleets.PADDOCK])
        return fleet.agent(name, more=more)


def agent(fleet: Fleet, name: str) -> dict[str, object]:
    return next(found for found in fleet.api.get("/v1/agents") if found["name"] == name)


@pytest.mark.skipif(not possible(CLOSED), reason="no user namespaces of our own here")
def test_where_namespaces_are_off_jobs_wait_with_the_reason(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    start(fleet, "closed", CLOSED, monkeypatch)
    job = fleet.run(["sh", "-c", "echo ran > ran.txt"], scope={"degraded": True})  # the job's word alone is not enough
    noop = fleet.submit({"id": "noop", "kind": "noop", "payload": {}})["noop"]
    assert fleet.until(noop)["state"] == "done"  # it works, on what needs no box
    shown = fleet.job(job)
    assert (shown["state"], shown["attempts"]) == ("ready", [])
    why = fleet.api.get(f"/v1/jobs/{job}/why")
    assert {"agent": "closed", "reason": "cannot contain jobs"} in why["reasons"]
    assert agent(fleet, "closed")["containment"] == "none"
    start(fleet, "willing", CLOSED, monkeypatch, "--allow-degraded")
    shown = fleet.until(job)
    assert (shown["state"], shown["attempts"][-1]["containment"]) == ("in_review", "none")
    told = [event["data"] for event in fleet.api.get(f"/v1/journal?job={job}&limit=100")]
    assert any(data.get("containment") == "none" for data in told), told


@pytest.mark.skipif(not possible(PRIVATE), reason="no mount namespaces of our own here")
def test_a_host_that_can_contain_no_longer_gives_the_job_back(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start(fleet, "closing", PRIVATE, monkeypatch)
    assert agent(fleet, "closing")["containment"] == "contained"
    assert fleet.until(fleet.run(["true"], id="before"))["state"] == "done"
    enter = ["nsenter", "--mount", f"--target={process.popen.pid}"]
    subprocess.run([*enter, "mount", "--bind", "/dev/null", str(program("bwrap"))], check=True)
    job = fleet.run(["sh", "-c", "echo ran > ran.txt"], max_attempts=1)
    wait_until(lambda: fleet.job(job)["attempts"], 40, what="an attempt")
    shown = fleet.until(job, "ready")
    assert [(a["state"], a["code"]) for a in shown["attempts"]] == [("refused", "not_capable")]
    assert shown["attempt"] == 0  # the try is given back
    wait_until(lambda: agent(fleet, "closing")["containment"] == "none", 40, what="the agent says so")
    fleet.agent("open")
    assert fleet.until(job)["state"] == "in_review"
