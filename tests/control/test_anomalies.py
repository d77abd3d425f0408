"""Anomalies and quarantine on a served control plane: who raises them, what they do at once, and who ends it."""

import json
import time
from typing import Any

import msgspec
import pytest

from paddock.core.errors import BadInput, Conflict, NotFound
from paddock.wire import standing
from paddock.wire.messages import Finding, Grant, Outcome, Reply
from support.fleet import Fleet
from support.light import Light, Refused, done
from support.wait import wait_until

BY = {"by": "ann", "note": "seen"}


def reply(agent: Light, **more: Any) -> Reply:
    return msgspec.json.decode(agent.post("/v1/beat", agent.request(**more), "beat"), type=Reply)


def open_(plane: Fleet, agent: Light) -> dict[str, dict[str, Any]]:
    return {one["type"]: one for one in plane.api.get("/v1/anomalies") if one["agent"] == agent.agent}


def word(agent: Light, told: Reply) -> standing.Order:
    assert told.standing is not None
    return standing.read(told.standing, agent.keys)


def given(agent: Light, job: str) -> Grant:
    """The grant of this job, once the agent is given it; what others have left is done on the way."""

    def ask() -> Grant | None:
        [grant] = agent.beat(want=1)[0] or [None]
        if grant is not None and grant.job != job:
            agent.beat(done(grant))
            return None
        return grant

    found = wait_until(ask, 30, what="the job is granted")
    assert found is not None
    return found


def test_a_quarantined_agent_loses_what_it_holds_and_gets_nothing(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "held")
    reply(agent)
    job = plane.submit({"id": "work", "kind": "noop", "payload": {}})["work"]
    given(agent, job)
    raised = plane.api.post("/v1/agents/held/quarantine", BY)
    assert (raised["type"], raised["standing"]) == ("operator", "quarantined")
    assert plane.job(job)["state"] == "ready"
    told = reply(agent, want=1)
    order = word(agent, told)
    assert (order.standing, order.number, told.jobs) == ("quarantined", 1, ())
    assert reply(agent, want=1).standing is None  # it has heard
    assert "quarantined" in json.dumps(plane.api.get(f"/v1/jobs/{job}/why"))
    plane.api.post(f"/v1/anomalies/{raised['id']}/resolve", BY)
    told = reply(agent)
    assert (word(agent, told).standing, word(agent, told).number) == ("active", 2)
    given(agent, job)
    plane.api.post(f"/v1/jobs/{job}/cancel", {})


def test_a_new_session_is_told_again_what_it_does_not_know(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "forgetful")
    reply(agent)
    plane.api.post("/v1/agents/forgetful/quarantine", BY)
    agent.boot()
    assert word(agent, reply(agent)).number == 1
    agent.boot()
    agent.hello = msgspec.structs.replace(agent.hello, standing=1)
    assert reply(agent).standing is None


def test_the_control_plane_remembers_over_its_own_restart(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "lasting")
    reply(agent)
    plane.api.post("/v1/agents/lasting/quarantine", BY)
    assert plane.control is not None
    plane.control.kill()
    plane.start_control()
    assert word(agent, reply(agent)).standing == "quarantined"
    assert open_(plane, agent)["operator"]["facts"] == BY


def test_a_forged_request_is_noted_and_stops_nobody(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "victim")
    reply(agent)
    stranger = Light(plane.api, plane.port, "stranger")
    for _ in range(3):
        with pytest.raises(Refused):
            stranger.post("/v1/beat", agent.request(), "beat", agent.agent)
    found = open_(plane, agent)["bad_signature"]
    assert (found["act"], found["times"], found["standing"]) == ("wait", 1, "active")
    assert (found["facts"]["request"], found["facts"]["address"]) == ("/v1/beat", "127.0.0.1")


def test_an_outcome_of_an_attempt_that_never_was_is_an_anomaly_and_a_late_one_is_none(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "liar")
    reply(agent)
    job = plane.submit({"id": "late", "kind": "noop", "payload": {}})["late"]
    grant = given(agent, job)
    plane.api.post("/v1/agents/liar/quarantine", BY)  # which ends its lease
    reply(agent)
    agent.beat(Outcome(job=job, epoch=grant.epoch, status="done"))
    assert "outcome_without_lease" not in open_(plane, agent)
    agent.beat(Outcome(job=job, epoch=grant.epoch + 7, status="done"))
    assert open_(plane, agent)["outcome_without_lease"]["facts"] == {"job": job, "epoch": grant.epoch + 7}
    plane.api.post(f"/v1/jobs/{job}/cancel", {})


def test_who_tries_a_spent_token_is_noted_for_its_agent(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "first")
    token = plane.api.post("/v1/tokens", {})["token"]

    class Api:
        def post(self, *_: object) -> dict[str, str]:
            return {"token": token}

    owner = Light(Api(), plane.port, "owner")  # type: ignore[arg-type]
    with pytest.raises(Refused, match="unauthorised"):
        Light(Api(), plane.port, "thief")  # type: ignore[arg-type]
    assert open_(plane, owner)["token_reused"]["facts"] == {"address": "127.0.0.1"}
    assert open_(plane, agent) == {}


def test_an_activation_of_another_time_is_noted(plane: Fleet) -> None:
    honest = Light(plane.api, plane.port, "punctual", sent=time.time_ns() // 1_000_000)
    for name, off in (("early", -7_200_000), ("ahead", 7_200_000)):
        agent = Light(plane.api, plane.port, name, sent=time.time_ns() // 1_000_000 + off)
        found = open_(plane, agent)["impossible_activation"]
        assert (found["act"], found["standing"], "signed" in found["facts"]["why"]) == ("wait", "active", True)
    assert open_(plane, honest) == {}


def test_an_agent_that_comes_from_ever_other_addresses_is_noted_and_nothing_is_open(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "nomad")
    for host in ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.1", "127.0.0.4", "127.0.0.5"):
        agent.source = host
        reply(agent)
    [noted] = [one for one in plane.api.get("/v1/anomalies?state=all") if one["agent"] == agent.agent]
    assert (noted["type"], noted["act"], noted["state"]) == ("address_churn", "note", "resolved")
    assert noted["facts"]["addresses"] == "127.0.0.1, 127.0.0.2, 127.0.0.3, 127.0.0.4"
    assert open_(plane, agent) == {}


def test_what_an_agent_may_tell_of_itself_and_what_not(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "teller")
    found = (
        Finding(type="clock_skew", facts={"behind_ms": 400_000}),
        Finding(type="tampered_state", facts={"file": "standing.json"}),
        Finding(type="token_reused"),
        Finding(type="nonsense"),
    )
    told = reply(agent, findings=found)
    assert set(open_(plane, agent)) == {"clock_skew", "tampered_state"}
    assert word(agent, told).standing == "quarantined"
    raised = open_(plane, agent)
    plane.api.post(f"/v1/anomalies/{raised['clock_skew']['id']}/resolve", BY)
    assert open_(plane, agent)["tampered_state"]["standing"] == "quarantined"
    plane.api.post(f"/v1/anomalies/{raised['tampered_state']['id']}/resolve", BY)
    assert word(agent, reply(agent)).standing == "active"


def test_decisions_that_cannot_be_made(plane: Fleet) -> None:
    agent = Light(plane.api, plane.port, "decided")
    reply(agent)
    raised = plane.api.post("/v1/agents/decided/quarantine", BY)
    with pytest.raises(BadInput, match="by: expected"):
        plane.api.post(f"/v1/anomalies/{raised['id']}/resolve", {})
    plane.api.post(f"/v1/anomalies/{raised['id']}/resolve", BY)
    with pytest.raises(Conflict, match="resolved already"):
        plane.api.post(f"/v1/anomalies/{raised['id']}/resolve", BY)
    with pytest.raises(NotFound):
        plane.api.post("/v1/anomalies/x1/resolve", BY)
    plane.api.post("/v1/agents/decided/terminate", BY)
    for what in ("terminate", "quarantine"):
        with pytest.raises(Conflict, match="terminal"):
            plane.api.post(f"/v1/agents/decided/{what}", BY)
    assert word(agent, reply(agent)).standing == "terminal"


def test_an_agent_keeps_its_quarantine_over_restarts_and_is_stopped_for_good(plane: Fleet) -> None:
    process = plane.agent("real")
    before = time.time_ns() // 1_000_000
    said = plane.cli("anomaly", "quarantine", "real", "--note", "looks odd")
    assert said.returncode == 0, said.stderr
    state = plane.folder / "agent-real"
    wait_until((state / "standing.json").exists, 30, what="the agent keeps the word")
    process.stop()
    process = plane.agent("real")
    job = plane.run(["true"], id="waits")
    wait_until(lambda: _status(plane, "real").get("last_beat", 0) > before, 30, what="it beats")
    assert _status(plane, "real")["standing"] == "quarantined"
    assert plane.job(job)["state"] == "ready"
    assert "online, quarantined" in plane.cli("agents").stdout
    listed = plane.cli("anomaly", "list", "--json")
    assert listed.returncode == 1
    [raised] = [one for one in json.loads(listed.stdout) if one["name"] == "real"]
    said = plane.cli("anomaly", "resolve", raised["id"], "--note", "fine")
    assert said.returncode == 0, said.stderr
    plane.until(job)
    plane.cli("anomaly", "terminate", "real", "--note", "stolen")
    assert process.popen.wait(60) == 78
    words = ["run", "--name", "real", "--state", str(state), "--work", str(plane.work)]
    again = plane.cli(*words)
    assert again.returncode == 78
    assert again.stderr.rstrip().splitlines()[-1].startswith("paddock: this agent was stopped for good: stolen")


def _status(plane: Fleet, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((plane.folder / f"agent-{name}" / "status.json").read_text())
    return found
