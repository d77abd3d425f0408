"""A copied state directory, in real processes and on the wire."""

import json
import shutil
import signal
from typing import Any

import msgspec
import pytest

from paddock.wire import standing
from paddock.wire.messages import Reply
from support.fleet import Fleet, Process
from support.light import Light, Refused
from support.wait import wait_until


def roll(agent: Light, state: str, nonce: str, **more: Any) -> Reply:
    body = agent.request(state=state, nonce=nonce, **more)
    return msgspec.json.decode(agent.post("/v1/beat", body, "beat"), type=Reply)


def boot(agent: Light, number: int) -> None:
    """A new session; their ids sort by the time of their boot."""
    agent.boot()
    agent.session = f"s{number}{agent.agent}"


def found(plane: Fleet, name: str) -> set[str]:
    return {one["type"] for one in plane.api.get("/v1/anomalies") if one["name"] == name}


def test_states_follow_each_other_over_boots_and_restarts(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "rolls")
    boot(agent, 1)
    first = roll(agent, "", "aaaaaaaa")
    assert first.state.startswith("1.aaaaaaaa.")
    boot(agent, 2)  # it crashed before it had the answer
    assert roll(agent, "", "aaaaaaaa").state == first.state
    second = roll(agent, first.state, "bbbbbbbb")
    assert plane.control is not None
    plane.control.kill()
    plane.start_control()
    assert roll(agent, second.state, "cccccccc").state.startswith("3.cccccccc.")
    assert found(plane, "rolls") == set()


def test_the_same_state_with_another_nonce_stops_both(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "twice")
    boot(agent, 1)
    first = roll(agent, "", "aaaaaaaa")
    boot(agent, 2)
    told = roll(agent, "", "bbbbbbbb", want=1)
    assert told.standing is not None
    assert standing.read(told.standing, agent.keys).standing == "quarantined"
    assert found(plane, "twice") == {"suspected_clone"}
    [raised] = [one for one in plane.api.get("/v1/anomalies") if one["name"] == "twice"]
    plane.api.post(f"/v1/anomalies/{raised['id']}/resolve", {"by": "ann"})
    boot(agent, 3)  # whoever comes first now is the agent
    assert roll(agent, first.state, "cccccccc").state.startswith("2.cccccccc.")
    assert found(plane, "twice") == set()


def test_a_state_that_nobody_made_and_one_that_is_left_out_are_found(plane: Fleet) -> None:
    for name, state, nonce in (("forged", "9.aaaaaaaa.0000000000000000", "bbbbbbbb"), ("silent", "", "")):
        agent = Light(plane.api, plane.port, name)
        boot(agent, 1)
        roll(agent, "", "aaaaaaaa")
        boot(agent, 2)
        roll(agent, state, nonce)
        assert found(plane, name) == {"suspected_clone"}


def test_what_an_earlier_boot_sent_and_comes_late_is_no_alarm(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "late")
    boot(agent, 1)
    late = agent.request(state="", nonce="aaaaaaaa")
    boot(agent, 2)
    state = roll(agent, "", "aaaaaaaa").state
    roll(agent, state, "bbbbbbbb")
    with pytest.raises(Refused, match="stale_session"):
        agent.post("/v1/beat", late, "beat")
    assert found(plane, "late") == set()


def test_a_copied_state_directory_puts_both_in_quarantine() -> None:
    from support.places import make_traversable, remove_tree

    folder = make_traversable()
    try:
        with Fleet(folder, beat=0.3, lease=2.0) as fleet:
            fleet.agent("original")
            state, copy = folder / "agent-original", folder / "agent-copy"
            wait_until((state / "rolling.json").exists, 30, what="the agent rolls its state")
            shutil.copytree(state, copy)
            words = [
                "run",
                "--name",
                "original",
                "--state",
                str(copy),
                "--work",
                str(fleet.work),
                "--server",
                fleet.url,
            ]
            clone = fleet.agents["copy"] = Process("copy", words, folder / "copy.log", {})

            def both() -> bool:
                told = [json.loads((place / "status.json").read_text()) for place in (state, copy)]
                return all(one.get("standing") == "quarantined" for one in told)

            wait_until(both, 40, what="both are in quarantine")
            [raised] = fleet.api.get("/v1/anomalies")
            assert (raised["type"], raised["standing"]) == ("suspected_clone", "quarantined")
            clone.send(signal.SIGKILL)
    finally:
        remove_tree(folder)
