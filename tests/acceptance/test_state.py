"""A job goes on where its last attempt stood, whoever runs it, and an attempt that was replaced writes nothing more."""

import itertools
import json
import signal
import sys
from pathlib import Path
from typing import Any

import paddock
from paddock.client import Client, State
from support.fleet import PATIENCE, Fleet
from support.proxy import Proxy
from support.wait import wait_until

# Everything of HTTP that a job needs, with nothing of ours.
PLAIN = """
import http.client, json, os, socket, sys, time

class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["PADDOCK_SOCKET"])

def ask(method, path, body=None, **headers):
    link = Unix("localhost")
    link.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    answer = link.getresponse()
    told = answer.status, answer.headers.get("ETag"), answer.read()
    link.close()
    return told
"""

# Twenty steps. The effect of a step is the write that says it was done: the sum and the list change with the number.
# At some of them the attempt that first comes there waits to be killed, before or after it writes.
STEPS = (
    PLAIN
    + """
def wait_to_be_killed(where):
    if ask("PUT", f"/v1/state/job/here/{where}", b"", If_None_Match="*")[0] == 200:
        print("waits", where, flush=True)
        time.sleep(600)

while True:
    status, tag, body = ask("GET", "/v1/state/job/progress")
    at = json.loads(body) if status == 200 else {"step": 0, "sum": 0, "by": []}
    if at["step"] == 20:
        break
    step = at["step"] + 1
    if step in (2, 9, 20):
        wait_to_be_killed(f"before-{step}")
    new = {"step": step, "sum": at["sum"] + step, "by": [*at["by"], int(os.environ["PADDOCK_EPOCH"])]}
    expects = {"If_Match": tag} if tag and status == 200 else {"If_None_Match": "*"}
    status, tag, body = ask("PUT", "/v1/state/job/progress", json.dumps(new).encode(), **expects)
    if status != 200:
        sys.exit(f"step {step}: {status} {body}")
    if step in (5, 13):
        wait_to_be_killed(f"after-{step}")
"""
)


def _state(fleet: Fleet, job: str) -> State:
    return Client(fleet.url).state("job", job)


def _holder(fleet: Fleet, job: str) -> str:
    return str(fleet.job(job)["agent"])


def _lost(fleet: Fleet, job: str, epoch: int) -> bool:
    found = fleet.job(job)
    return bool(found["state"] != "leased" or found["epoch"] > epoch)


def _wait_for(state: State, key: str) -> None:
    wait_until(lambda: state.find(key), PATIENCE, what=f"there is {key}")


def test_twenty_steps_are_done_once_though_five_agents_die(fleet: Fleet) -> None:
    for name in ("a1", "a2"):
        fleet.agent(name)
    job = fleet.run([sys.executable, "-c", STEPS])
    state = _state(fleet, job)
    epochs = []
    for where in ("before-2", "after-5", "before-9", "after-13", "before-20"):
        _wait_for(state, f"here/{where}")
        epochs.append(fleet.job(job)["epoch"])
        name = _holder(fleet, job)
        fleet.agents[name].kill()
        fleet.agent(name)
        wait_until(lambda: _lost(fleet, job, epochs[-1]), PATIENCE, what="the attempt is lost")
    ended = fleet.until(job)
    assert (ended["state"], len(ended["attempts"]) >= 6, len(set(epochs))) == ("done", True, 5)
    found: dict[str, Any] = state.get_json("progress")
    assert (found["step"], found["sum"], len(found["by"])) == (20, 210, 20)
    assert found["by"] == sorted(found["by"]) and set(epochs) - set(found["by"]) <= {epochs[0], epochs[-1]}


ZOMBIE = (
    PLAIN
    + """
me = os.environ["PADDOCK_EPOCH"]
ask("PUT", f"/v1/state/job/began/{me}", b"")
if ask("GET", "/v1/state/job/began/1")[0] == 200 and me != "1":
    ask("PUT", "/v1/state/job/value", b"second")
    sys.exit(0)
while True:
    status = ask("PUT", "/v1/state/job/value", b"first")[0]
    if status != 200:
        print("refused", status, flush=True)
"""
)


def test_an_attempt_that_wakes_up_too_late_writes_nothing(fleet: Fleet) -> None:
    first = fleet.agent("a1")
    job = fleet.run([sys.executable, "-c", ZOMBIE])
    state = _state(fleet, job)
    _wait_for(state, "value")
    first.send(signal.SIGSTOP)
    fleet.agent("a2")
    assert fleet.until(job)["state"] == "done"
    there = state.get("value")
    assert there.data == b"second"
    before = fleet.api.get("/v1/agents")
    first.send(signal.SIGCONT)
    seen = {agent["name"]: agent["last_beat"] for agent in before}["a1"]
    # Once it has beaten it was told to stop, and whatever its run asked for on the way was refused.
    wait_until(
        lambda: any(a["name"] == "a1" and a["last_beat"] > seen and not a["jobs"] for a in fleet.api.get("/v1/agents")),
        PATIENCE,
        what="the first agent is back",
    )
    wait_until(lambda: not _processes_of(fleet, job), PATIENCE, what="its run has ended")
    assert state.get("value") == there


def _processes_of(fleet: Fleet, job: str) -> bool:
    return (fleet.work / "jobs" / f"{job}-1").exists()


CLIENT = """
import os
from paddock import state

first = state.put("k", "one", if_absent=True)
try:
    state.put("k", "two", if_absent=True)
except state.Conflict as error:
    assert error.etag == first, error
for _ in range(3):
    state.update_json("count", lambda count: count + 1, 0)
state.project().put_json("shared", {"by": os.environ["PADDOCK_JOB"]})
state.agent().put("mine", b"x" * 400_000)
assert state.agent().get("mine").data == b"x" * 400_000
assert [key.key for key in state.keys()] == ["count", "k"]
assert state.delete("k") and not state.delete("k")
try:
    state.put("k", b"x" * (17 << 20))
except state.TooLarge:
    print("all well", flush=True)
"""


def test_a_job_uses_the_client(steady: Fleet) -> None:
    source = Path(paddock.__file__).parents[1]
    steady.agent("a3", more=["--tools", str(source), "--capabilities", "client"])
    payload = {"argv": [sys.executable, "-c", CLIENT], "env": {"PYTHONPATH": str(source)}}
    job = steady.submit({"id": "client", "payload": payload, "requires": ["client"], "max_attempts": 1})["client"]
    ended = steady.until(job)
    assert ended["state"] == "done", steady.log(job)
    assert b"all well" in steady.log(job)
    assert _state(steady, job).get_json("count") == 3
    assert Client(steady.url).state("project", "shop").get_json("shared") == {"by": job}
    assert len(Client(steady.url).state("agent", "a3").get("mine").data) == 400_000
    assert json.loads(steady.api.raw("/v1/state")[0])["agent"]["bytes"] == 400_000


FLOOD = (
    PLAIN
    + """
import threading

def hammer():
    while ask("GET", "/v1/state/job/stop")[0] != 200:
        ask("PUT", "/v1/state/job/flood", b"x" * 60_000)

def safely():
    while True:
        try:
            return hammer()
        except (OSError, http.client.HTTPException):
            pass

threads = [threading.Thread(target=safely) for _ in range(30)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
)


def test_a_run_that_floods_its_socket_does_not_stop_the_beat(fleet: Fleet) -> None:
    fleet.agent("a1")
    job = fleet.run([sys.executable, "-c", FLOOD])
    state = _state(fleet, job)
    _wait_for(state, "flood")
    beats: set[int] = set()

    def four_more() -> bool:
        beats.add(fleet.api.get("/v1/agents")[0]["last_beat"])
        return len(beats) > 4

    wait_until(four_more, PATIENCE, what="it goes on beating")
    state.put("stop", b"")
    ended = fleet.until(job)
    assert (ended["state"], ended["epoch"]) == ("done", 1)


COUNTS = """
from paddock import state

for _ in range(10):
    state.project().update_json("count", lambda count: count + 1, 0)
state.put("large", b"x" * 600_000)
assert state.get("large").data == b"x" * 600_000
"""


def test_lost_answers_double_nothing(fleet: Fleet) -> None:
    source = Path(paddock.__file__).parents[1]
    calls = itertools.count()
    turns: list[int] = []

    def lose(path: str, body: bytes, told: bytes) -> bytes | None:
        if path != "/v1/agent-state":
            return told
        turns.append(json.loads(body.split(b"\n")[0]).get("seq", 0))
        return None if next(calls) % 2 else told

    with Proxy(fleet.port, lose) as proxy:
        fleet.agent("a1", server=proxy.url, more=["--tools", str(source)])
        payload = {"argv": [sys.executable, "-c", COUNTS], "env": {"PYTHONPATH": str(source)}}
        job = fleet.submit({"id": "counts", "payload": payload, "max_attempts": 1})["counts"]
        assert fleet.until(job)["state"] == "done", fleet.log(job)
    assert Client(fleet.url).state("project", "shop").get_json("count") == 10
    assert next(calls) > 30
    # Writes are numbered as they are made, so that one which comes late is known.
    writes = [turn for turn in turns if turn]
    assert writes == sorted(writes) and len(set(writes)) > 10
