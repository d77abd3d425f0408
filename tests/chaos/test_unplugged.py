"""A control plane that is gone: agents finish what they hold, keep it, begin nothing past the grace, and tell all."""

import json
from typing import Any

from support.chaos import accepted, end_wait, label, labelled
from support.fleet import Fleet
from support.proxy import Proxy
from support.wait import wait_until

GRACE_S = 3


def status(fleet: Fleet, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((fleet.folder / f"agent-{name}" / "status.json").read_text())
    return found


def said(fleet: Fleet, name: str) -> str:
    return fleet.cli("status", "--state", str(fleet.folder / f"agent-{name}")).stdout


def without_licence(_path: str, _body: bytes, answer: bytes) -> bytes:
    told = json.loads(answer)
    told.pop("licence", None)
    return json.dumps(told).encode()


def test_what_is_held_is_finished_and_told_and_nothing_new_begins_past_the_grace(fleet: Fleet) -> None:
    fleet.lease = 120.0
    assert fleet.control is not None
    fleet.control.stop()
    fleet.start_control()
    fleet.api.post("/v1/licences/default", {"grace_s": GRACE_S, "by": "ann"})
    with Proxy(fleet.port, lambda _path, _body, answer: answer) as way:
        fleet.agent("a1", server=way.url, slots=2)
        held = fleet.run(["sh", "-c", "echo started; sleep 611; echo ended > note.txt"], id="held")
        quiet = fleet.run(["sh", "-c", "echo started; sleep 612 || true"], id="quiet")
        for job in (held, quiet):
            fleet.printed(job, b"started")
        waits = fleet.run(["true"], id="waits")
        tokens = label(fleet, held, 1), label(fleet, quiet, 1)
        fleet.control.kill()
        end_wait(tokens[0], "sleep", "611")
        end_wait(tokens[1], "sleep", "612")
        wait_until(lambda: not any(map(labelled, tokens)), 60, what="the runs have ended without the control plane")
        wait_until(lambda: "GRACE_EXHAUSTED: no new work" in said(fleet, "a1"), 60, every=0.5, what="the grace is over")
        fleet.start_control()
        assert accepted(fleet.until(held, "in_review")) == [1]  # nothing was lost, and nothing done twice
        assert accepted(fleet.until(quiet, "done")) == [1]
        assert fleet.until(waits)["state"] == "done"
        assert "GRACE_EXHAUSTED" not in said(fleet, "a1")
        # A control plane that answers, but whose licences do not arrive, is as good as none.
        way.alter = without_licence
        wait_until(lambda: "GRACE_EXHAUSTED" in said(fleet, "a1"), 60, every=0.5, what="the grace is over again")
        refused = fleet.run(["true"], id="refused")
        before = status(fleet, "a1")["seq"]
        wait_until(lambda: status(fleet, "a1")["seq"] > before + 2, 60, what="it goes on beating")
        assert (fleet.job(refused)["state"], fleet.job(refused)["epoch"]) == ("ready", 0)
        way.alter = lambda _path, _body, answer: answer
        assert fleet.until(refused)["state"] == "done"
