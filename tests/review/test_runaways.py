"""Work that never arrives stops at a bounded cost, with real agents: what it cost is printed."""

import json
import time
from typing import Any

from support.fleet import Fleet
from support.repos import make_repo

# What a run does that costs 1.00, and what else.
USE = """printf '{"usage": [{"model": "opus-5", "output": 40000}], "session": "s1"}' > "$PADDOCK_RESULT"; """
PRICES = json.dumps({"models": {"opus*": {"input": "5", "output": "25"}}})


def begin(fleet: Fleet, name: str, *bounds: str, checks: tuple[tuple[str, ...], ...] = ()) -> None:
    """A project with a budget, whose runs have a price."""
    repo = make_repo(fleet.folder / name, 1, bare=True, files={"a.txt": "a\n"})
    fleet.project(name, repo.path, checks)
    (fleet.folder / "prices.json").write_text(PRICES)
    assert fleet.cli("spend", "prices", "--set", "prices.json").returncode == 0
    if bounds:
        assert fleet.cli("spend", "budget", name, *bounds).returncode == 0


def cost(fleet: Fleet, project: str) -> float:
    """Money that counts, told on the way."""
    told = json.loads(fleet.cli("spend", "--project", project, "--json").stdout)
    print(f"{project}: {told['money']} {told['currency']} and {told['tokens']:,} tokens in {told['runs']} runs")
    return float(told["money"])


def submit(fleet: Fleet, project: str, script: str, id: str = "one", **more: Any) -> str:
    return fleet.run(["sh", "-c", USE + script], id=id, project=project, **more)


def test_success_without_a_deliverable(fleet: Fleet) -> None:
    begin(fleet, "empty", "--money-since-merge", "2", "--money-a-job", "1")
    for at in range(2):
        assert fleet.until(submit(fleet, "empty", "true", f"again-{at}"))["state"] == "done"
    stopped = fleet.until(submit(fleet, "empty", "true", "again-2"))
    assert stopped["state"] == "parked" and "since a change was last merged" in stopped["reason"]
    waits = submit(fleet, "empty", "true", "again-3")
    assert "is paused by paddock" in fleet.cli("job", "why", waits).stdout
    assert cost(fleet, "empty") == 2.0
    # What a person lets go on may cost as much again, and no more.
    assert "ready" in fleet.cli("job", "resume", "again-2").stdout
    assert {fleet.until(job)["state"] for job in (stopped["id"], waits)} == {"done"}
    assert fleet.until(submit(fleet, "empty", "true", "again-4"))["state"] == "parked"
    assert cost(fleet, "empty") == 4.0


def test_a_diff_that_varies(fleet: Fleet) -> None:
    begin(fleet, "varied", checks=(("false",),))
    job = submit(fleet, "varied", "date +%s%N > a.txt", max_attempts=50, budget={"money": "2.00"})
    ended = fleet.until(job, "parked", "failed", "done")
    assert (ended["state"], ended["attempt"]) == ("parked", 2) and "2.00 USD may be" in ended["reason"]
    assert cost(fleet, "varied") == 2.0


def test_a_gate_that_does_not_change(fleet: Fleet) -> None:
    begin(fleet, "gate", "--tokens-a-job", "80000", checks=(("false",),))
    job = submit(fleet, "gate", "echo same > a.txt", max_attempts=50)
    ended = fleet.until(job, "parked", "failed", "done")
    assert (ended["state"], ended["attempt"]) == ("parked", 2) and "80,000 tokens" in ended["reason"]
    assert cost(fleet, "gate") == 2.0


def test_ping_pong_of_what_unblocks(fleet: Fleet) -> None:
    """Neither another job's end, nor a new batch, a priority, a restart or time undoes what a breaker did."""
    begin(fleet, "pong")
    job = submit(fleet, "pong", "exit 1", id="pong", max_attempts=50, budget={"money": "1.00"}, unique="pong")
    assert fleet.until(job, "parked", "failed")["state"] == "parked"
    fleet.submit({"id": "behind", "kind": "noop"}, project="pong")
    fleet.cli("jobs", "priority", "10", "--project", "pong", "--yes")
    assert fleet.control is not None
    fleet.control.kill()
    fleet.start_control()
    other = fleet.run(["true"], id="other", project="pong", budget={"money": 0})
    assert fleet.until(other)["state"] == "done"
    assert (fleet.job(job)["state"], cost(fleet, "pong")) == ("parked", 1.0)
    page = fleet.api.raw("/spend", project="pong")[0].decode()
    assert "opus-5" in page and "1.00" in page


def test_a_limit_parks_a_run_until_it_is_over(fleet: Fleet) -> None:
    begin(fleet, "limited", "--money-a-day", "5")
    over = int(time.time()) + 3600
    said = json.dumps(
        {"type": "result", "is_error": True, "api_error_status": 429, "result": f"usage limit reached|{over}"}
    )
    job = fleet.run(
        ["sh", "-c", f"echo '{said}'; exit 1"], id="limited", project="limited", max_attempts=1, budget={"money": 5}
    )
    found = fleet.until(job, "ready", "failed")
    assert (found["state"], found["attempt"], found["waits"]) == ("ready", 0, 1)
    assert over * 1_000 <= found["not_before"] < (over + 60) * 1_000
    assert "it goes on by itself at" in fleet.cli("job", "why", "limited").stdout
    # It told nothing of what it used, so what was reserved for it counts.
    assert cost(fleet, "limited") == 5.0
    waits = submit(fleet, "limited", "true", "waits")
    assert "5.00 USD were spent within a day, 5.00 USD may be" in fleet.cli("job", "why", waits).stdout


def test_a_run_that_tells_of_more_than_it_may_is_ended(fleet: Fleet) -> None:
    begin(fleet, "much")
    line = json.dumps({"type": "step_finish", "sessionID": "o", "part": {"cost": 3, "tokens": {"output": 9}}})
    argv = ["sh", "-c", f"echo \"may use $PADDOCK_BUDGET_MONEY\"; echo '{line}'; sleep 600"]
    job = fleet.run(argv, id="much", project="much", budget={"money": "2.5"})
    assert fleet.until(job)["state"] == "parked"
    assert b"may use 2.5\n" in fleet.log(job) and cost(fleet, "much") == 3.0
