"""Whoever has a part of an agent's identity and not its key: a bearer, a request that was signed once, a file."""

import json
import re
from typing import Any

import msgspec
import pytest

from paddock.wire.messages import Reply
from support.fleet import Fleet
from support.light import Light, Refused
from support.wait import wait_until

SIGNED = ("/v1/beat", "/v1/agent-state", "/v1/agent-topics", "/v1/report", "/v1/jobs/j1/log")


def bearer(agent: Light) -> str:
    return msgspec.json.decode(agent.post("/v1/beat", agent.request(), "beat"), type=Reply).bearer


def test_a_stolen_bearer_changes_nothing(plane: Fleet) -> None:
    agent, thief = Light(plane.api, plane.port, "robbed"), Light(plane.api, plane.port, "robber")
    stolen = {"Authorization": f"Bearer {bearer(agent)}"}
    for path in SIGNED:
        with pytest.raises(Refused) as caught:
            thief.post(path, agent.request(), "beat", agent.agent, **stolen)
        assert caught.value.args == (401, "unauthorised")
    with pytest.raises(Refused) as caught:  # nor does it open what operators do
        thief.post("/v1/projects", b"{}", "beat", agent.agent, **stolen)
    assert caught.value.args[0] in (401, 403)


def test_a_request_that_was_signed_once_is_good_once_and_at_its_own_place(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "recorded")
    reply = agent.post("/v1/beat", agent.request(), "beat")
    job = plane.submit({"id": "once", "kind": "noop", "payload": {}})["once"]
    recorded = agent.request(want=1)
    granted = wait_until(lambda: msgspec.json.decode(agent.post("/v1/beat", recorded, "beat"), type=Reply).jobs, 30)
    again = msgspec.json.decode(agent.post("/v1/beat", recorded, "beat"), type=Reply)
    assert (again.jobs, plane.job(job)["epoch"]) == (granted, 1)  # the same answer, and no second grant
    agent.held[job] = 1
    agent.beat()
    with pytest.raises(Refused) as caught:
        agent.post("/v1/beat", recorded, "beat")
    assert caught.value.args == (409, "old_beat")
    for path in SIGNED[1:]:
        with pytest.raises(Refused) as caught:
            agent.post(path, recorded, "beat")
        assert caught.value.args == (401, "unauthorised")
    assert reply
    plane.api.post(f"/v1/jobs/{job}/cancel", {})


def status(plane: Fleet, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((plane.folder / f"agent-{name}" / "status.json").read_text())
    return found


def test_an_agent_whose_files_were_touched_takes_no_work_and_tells(plane: Fleet) -> None:
    process = plane.agent("touched")
    state = plane.folder / "agent-touched"
    wait_until(lambda: '"seal"' in (state / "agent.json").read_text(), 30, what="the identity is sealed")
    process.stop()
    path = state / "agent.json"
    path.write_text(re.sub(r'"server":"[^"]*"', '"server":"http://evil.test"', path.read_text()))
    plane.agent("touched")

    def told() -> Any:
        [agent] = [one for one in plane.api.get("/v1/agents") if one["name"] == "touched"]
        return agent["standing"] == "quarantined" and agent

    agent = wait_until(told, 30, what="it is in quarantine")
    [raised] = [one for one in plane.api.get("/v1/anomalies") if one["agent"] == agent["id"]]
    assert (raised["type"], raised["facts"]) == ("tampered_state", {"what": "agent.json was changed"})
    assert status(plane, "touched")["standing"] == "quarantined"
    job = plane.run(["true"], id="untaken")
    assert plane.job(job)["state"] == "ready"
    plane.api.post(f"/v1/jobs/{job}/cancel", {})
    plane.agents["touched"].stop()
