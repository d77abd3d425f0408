"""Jobs tell and hear through their agent's socket: once though answers are lost, and not a word after their lease."""

import itertools
import signal
import sys
from pathlib import Path

import paddock
from paddock.client import Client
from support.fleet import PATIENCE, Fleet
from support.proxy import Proxy
from support.wait import wait_until

SOURCE = Path(paddock.__file__).parents[1]

# It says what half the answers to are lost, and waits for what the other says.
SPEAKER = """
import os, sys
from paddock import topics

me, other = sys.argv[1:]
for step in range(4):
    topics.publish("talk", {"by": me, "step": step}, type="step.done", id=f"step-{step}")
assert topics.publish("talk", "again", id="step-3") <= 8
heard = []
for event in topics.subscribe("talk"):
    if event.data["by"] == other:
        heard.append((event.id, event.data["step"], event.type))
    if len(heard) == 4:
        break
assert heard == [(f"step-{step}", step, "step.done") for step in range(4)], heard
assert topics.read("talk", after=8) == []
topics.job("notes").publish(b"\\x00\\xff", type="shot", subject="screen")
[note] = topics.job("notes").read()
assert (note.data, note.subject, note.source) == (b"\\x00\\xff", "screen", "/jobs/" + os.environ["PADDOCK_JOB"])
try:
    topics.publish("talk", 1, source="/people/ann")
except topics.ClientError as error:
    print("refused:", error.message, flush=True)
"""


def test_two_jobs_talk_though_answers_are_lost(fleet: Fleet) -> None:
    calls = itertools.count()

    def lose(path: str, _body: bytes, told: bytes) -> bytes | None:
        return None if path == "/v1/agent-topics" and next(calls) % 2 else told

    with Proxy(fleet.port, lose) as proxy:
        fleet.agent("a1", server=proxy.url, slots=2, more=["--tools", str(SOURCE)])
        payload = {"env": {"PYTHONPATH": str(SOURCE)}}
        jobs = fleet.submit(
            *(
                {
                    "id": me,
                    "payload": {**payload, "argv": [sys.executable, "-c", SPEAKER, me, other]},
                    "max_attempts": 1,
                }
                for me, other in (("x", "y"), ("y", "x"))
            )
        )
        for job in jobs.values():
            assert fleet.until(job)["state"] == "done", fleet.log(job)
            assert b"refused: source: a job's events come from" in fleet.log(job)
    found = Client(fleet.url).topic("project:shop:talk").read()
    assert sorted((event.data["by"], event.data["step"]) for event in found) == [
        (me, step) for me in "xy" for step in range(4)
    ]
    assert next(calls) > 15


ZOMBIE = """
import os
from paddock import topics

me = os.environ["PADDOCK_EPOCH"]
if me != "1":
    topics.publish("talk", "second", id="only")
    raise SystemExit
number = 0
while True:
    number += 1
    topics.publish("talk", "first", id=f"first-{number}")
"""


def test_an_attempt_that_wakes_up_too_late_says_nothing(fleet: Fleet) -> None:
    more = ["--tools", str(SOURCE)]
    first = fleet.agent("a1", more=more)
    payload = {"argv": [sys.executable, "-c", ZOMBIE], "env": {"PYTHONPATH": str(SOURCE)}}
    job = fleet.submit({"id": "zombie", "payload": payload})["zombie"]
    topic = Client(fleet.url).topic("project:shop:talk")
    fleet.until(job, "leased")
    wait_until(lambda: fleet.api.get("/v1/topics", prefix="project:shop:talk"), PATIENCE, what="a word")
    first.send(signal.SIGSTOP)
    fleet.agent("a2", more=more)
    assert fleet.until(job)["state"] == "done"
    last = topic.last()
    assert topic.read(last - 1)[0].data == "second"
    first.send(signal.SIGCONT)
    gone = fleet.work / "jobs" / f"{job}-1"
    wait_until(lambda: not gone.exists(), PATIENCE, what="its run has ended")
    assert topic.last() == last
