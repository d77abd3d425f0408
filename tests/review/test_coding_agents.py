"""Coding agents that review, mend and go on: one program on the host, told by briefs alone."""

from review.test_loop import begin, review
from support.fleet import PATIENCE, Fleet
from support.wait import wait_until

# Reviews, mends or goes on, as its brief says; it reads nothing else.
ROBOT = r"""
import json, pathlib, re, signal, sys
brief = sys.stdin.read()
file = pathlib.Path("a.txt")
if "You review a change" in brief and file.exists() and file.read_text() == "dear\n":
    print(json.dumps({"type": "result", "is_error": False, "usage": {"output_tokens": 9000}}), flush=True)
    signal.pause()  # until somebody ends it
elif "You review a change" in brief:
    bug = {"rule": "bug", "path": "a.txt", "line": 1, "severity": "high", "message": "a bug"}
    told = [bug] if file.exists() and "BUG" in file.read_text() else []
    pathlib.Path(re.search(r"to the file (\S+) as", brief)[1]).write_text(json.dumps(told))
elif "found what follows" in brief:
    file.write_text("mended " + json.loads(brief[brief.index("["):])[0]["rule"] + "\n")
else:
    file.write_text(file.read_text() + "now " + brief.split()[-1] + "\n" if file.exists() else "BUG\n")
"""


def test_a_coding_agent_reviews_mends_and_goes_on_with_what_it_began(fleet: Fleet) -> None:
    policy = fleet.folder / "robots.toml"
    policy.write_text(f"[agents.robot]\nargv = ['python3', '-c', '''{ROBOT}''']\n")
    fleet.agent("robots", slots=2, more=["--policy", str(policy)])
    rules = {
        "tools": [{"name": "lens", "agent": "robot", "brief": "Look for bugs."}],
        "fixers": [{"agent": "robot"}],
        "resolver": {},
    }
    begin(fleet, "by-robots", "true > other.txt", **rules)
    payload = {"agent": "robot", "brief": "Write a.txt."}
    job = fleet.submit({"id": "robot", "kind": "code.agent", "payload": payload}, project="by-robots")["robot"]
    fleet.until(job, "in_review")
    stands = review(fleet, job)
    assert (stands["stop"], [one["name"] for one in stands["findings"]]) == ("clean", ["lens/bug"])
    fleet.cli("review", "ask-changes", job, "--note", "say please", "--as", "bob")
    wait_until(lambda: fleet.events(job).count("change.fixed") == 2, PATIENCE, what="the robot goes on")
    assert b"+mended bug\n+now please" in fleet.api.raw(f"/v1/changes/{job}/diff")[0]
    shown = fleet.cli("review", "rules", "by-robots").stdout
    assert "robot for *" in shown and "what the job ran, 2 rounds" in shown
    review(fleet, job)  # else this one's review would have all there is
    fleet.cli("spend", "budget", "by-robots", "--tokens-a-day", "1000")
    dear = fleet.run(["sh", "-c", "echo dear > a.txt"], id="dear", project="by-robots", budget={"tokens": 0})
    wait_until(
        lambda: "a run used more than it might" in fleet.api.get(f"/v1/changes/{fleet.until(dear)['id']}")["reason"],
        PATIENCE,
        what="its review has used too much",
    )
    fleet.agents["robots"].stop()
