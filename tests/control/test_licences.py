"""Licences on a served control plane: whoever is one too many waits, and every bound is told with its reason."""

import json
from collections.abc import Iterator
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from paddock.core import licences
from paddock.core.errors import BadInput, Conflict
from paddock.wire import licence
from paddock.wire.messages import Outcome, Reply
from support.fleet import Fleet
from support.light import Light, Refused
from support.wait import wait_until


@pytest.fixture(autouse=True)
def _unlimited_again(plane: Fleet) -> Iterator[None]:
    yield
    for agent in plane.api.get("/v1/agents"):
        if agent["standing"] != "terminal":
            plane.api.post(f"/v1/agents/{agent['id']}/terminate", {"by": "ann"})
    for job in plane.api.get("/v1/jobs?state=ready"):
        plane.api.post(f"/v1/jobs/{job['id']}/cancel", {})
    for one in plane.api.get("/v1/licences"):
        plane.api.post(f"/v1/licences/{one['name']}/remove", {"by": "ann"})


def put(plane: Fleet, name: str = "default", **terms: Any) -> dict[str, Any]:
    made: dict[str, Any] = plane.api.post(f"/v1/licences/{name}", {**terms, "by": "ann"})
    return made


def reply(agent: Light, *outcomes: Outcome, **more: Any) -> Reply:
    told = msgspec.json.decode(agent.post("/v1/beat", agent.request(*outcomes, **more), "beat"), type=Reply)
    agent.held |= {grant.job: grant.epoch for grant in told.jobs}
    return told


def claims(agent: Light, token: str) -> licence.Claims:
    return licence.read(token, agent.keys, (agent.agent, agent.key.keyid, 1))


def jobs(plane: Fleet, *names: str, **more: Any) -> list[str]:
    made = plane.submit(*({"id": name, "kind": "noop", "payload": {}, **more} for name in names))
    return [made[name] for name in names]


def why(plane: Fleet, job: str) -> str:
    return json.dumps(plane.api.get(f"/v1/jobs/{job}/why"))


def test_the_fourth_agent_waits_and_joins_when_one_leaves(plane: Fleet) -> None:
    put(plane, max_agents=3)
    agents = [Light(plane.api, plane.port, f"a{number}") for number in range(4)]
    told = [reply(agent, want=0) for agent in agents]
    words = "waits for a seat: licence default is for 3 agents, and as many work under it"
    assert [one.waits for one in told] == ["", "", "", words]
    assert [claims(agent, one.licence).max_agents for agent, one in zip(agents, told, strict=True)] == [3] * 4
    for agent in agents[:3]:  # they hold what they can
        jobs(plane, f"holds-{agent.name}")
        wait_until(lambda agent=agent: reply(agent, want=1).jobs, 30, what="it has a job")  # type: ignore[misc]
    [job] = jobs(plane, "fourth")
    assert reply(agents[3], want=1).jobs == ()
    assert words in why(plane, job)
    listed = plane.api.get("/v1/licences")[0]
    assert (len(listed["seats"]), listed["waiting"]) == (3, ["a3"])
    assert [one["waits"] for one in plane.api.get("/v1/agents") if one["name"] == "a3"] == [words]
    first = agents[0]
    [(held, epoch)] = first.held.items()
    first.held.clear()
    reply(first, Outcome(job=held, epoch=epoch, status="done"), draining=True)  # it leaves
    told_now = reply(agents[3], want=1)
    assert (told_now.waits, [grant.job for grant in told_now.jobs]) == ("", [job])
    first.boot()
    assert reply(first).waits == words  # it comes back and is one too many


def test_another_s_library_believes_it_too(plane: Fleet) -> None:
    put(plane, max_agents=2, expires=4_000_000_000_000)
    agent = Light(plane.api, plane.port, "judged")
    token = reply(agent).licence
    head = jwt.get_unverified_header(token)
    key = Ed25519PublicKey.from_public_bytes(agent.keys[head["kid"]].public)
    said = jwt.decode(token, key, algorithms=["EdDSA"], audience="paddock-agent", issuer="paddock")
    assert (head["alg"], said["sub"], said["max_agents"]) == ("EdDSA", agent.agent, 2)
    assert said["cnf"] == {"jkt": agent.key.keyid}


def test_the_seat_of_an_agent_that_is_gone_lapses_and_a_restart_takes_none_away(plane: Fleet) -> None:
    put(plane, max_agents=1)
    first, second = Light(plane.api, plane.port, "sits"), Light(plane.api, plane.port, "stands")
    assert (reply(first).waits, bool(reply(second).waits)) == ("", True)
    assert plane.control is not None
    plane.control.kill()
    plane.start_control()
    assert (bool(reply(second).waits), reply(first).waits) == (True, "")
    put(plane, max_agents=2)
    assert (reply(second).waits, reply(first).waits) == ("", "")
    put(plane, max_agents=1)  # fewer: whoever comes first stays
    assert (reply(second).waits, bool(reply(first).waits)) == ("", True)
    plane.api.post("/v1/agents/stands/quarantine", {"by": "ann"})
    assert reply(first).waits == ""


def test_an_agent_holds_no_more_jobs_than_its_licence_lets_it(plane: Fleet) -> None:
    put(plane, max_tasks=2)
    agent = Light(plane.api, plane.port, "capped", slots=5)
    reply(agent)
    made = jobs(plane, "one", "two", "three")
    wait_until(lambda: reply(agent, want=5) and len(agent.held) == 2, 30, what="it holds what it may")
    reply(agent, want=5)
    [left] = set(made) - set(agent.held)
    assert "holds 2 of the 2 jobs that its licence lets it hold" in why(plane, left)
    job, epoch = agent.held.popitem()
    assert [grant.job for grant in reply(agent, Outcome(job=job, epoch=epoch, status="done"), want=5).jobs] == [left]


def test_features_decide_which_kinds_are_dispatched(plane: Fleet) -> None:
    put(plane, features=["command", "review.*"])
    agent = Light(plane.api, plane.port, "narrow", kinds=("noop", "review.run"))
    told = claims(agent, reply(agent).licence)
    assert (told.lets("command"), told.lets("review.run"), told.lets("noop")) == (True, True, False)
    [job] = jobs(plane, "uncovered")
    assert reply(agent, want=1).jobs == ()
    assert "its licence does not cover noop jobs" in why(plane, job)
    [listed] = [one for one in plane.api.get("/v1/registry") if one["name"] == "narrow"]
    assert listed["kinds"] == ["review.run"]
    put(plane, features=["*"])
    wait_until(lambda: reply(agent, want=1) and job in agent.held, 30, what="the new licence covers it")


def test_a_token_names_its_licence_and_promises_no_more(plane: Fleet) -> None:
    put(plane, "acme", plan="standard", channel="beta", binding="required", features=["noop"])
    for wrong in ({"licence": "nobody"}, {"licence": "acme", "channel": "stable"}):
        with pytest.raises(BadInput):
            plane.api.post("/v1/tokens", wrong)
    with pytest.raises(BadInput, match="acme asks for required"):
        plane.api.post("/v1/tokens", {"licence": "acme", "binding": "none"})
    said = plane.cli("token", "mint", "--licence", "acme", "--json")
    assert said.returncode == 0, said.stderr
    token = json.loads(said.stdout)["token"]

    class Api:
        def post(self, *_: object) -> dict[str, str]:
            return {"token": token}

    agent = Light(Api(), plane.port, "bound")  # type: ignore[arg-type]
    agent.hello = msgspec.structs.replace(agent.hello, fingerprint={"machine": "m1"})
    told = claims(agent, reply(agent).licence)
    assert (told.licence, told.plan, told.channel, told.binding) == ("acme", "standard", "beta", "required")
    assert (told.grace, told.max_agents, told.host) == (168 * 3_600, 5, {"machine": "m1"})
    with pytest.raises(Conflict, match="1 agents are under licence acme"):
        plane.api.post("/v1/licences/acme/remove", {"by": "ann"})


def test_what_has_expired_waits_and_what_is_removed_bounds_nothing(plane: Fleet) -> None:
    put(plane, expires=1)
    agent = Light(plane.api, plane.port, "late")
    told = reply(agent)
    assert (told.waits, told.licence) == ("licence default has expired", "")
    [job] = jobs(plane, "waits")
    assert "licence default has expired" in why(plane, job)
    put(plane, max_tasks=1)
    agent.hello = msgspec.structs.replace(agent.hello, licensed=True)
    agent.boot()
    assert claims(agent, reply(agent).licence).max_tasks == 1
    plane.api.post("/v1/licences/default/remove", {"by": "ann"})
    assert claims(agent, reply(agent).licence).licence == ""  # it keeps none any more
    assert reply(agent).licence == ""
    wait_until(lambda: agent.held or reply(agent, want=1).jobs, 30, what="it works without one")


def test_the_command_line_sets_lists_and_removes(plane: Fleet) -> None:
    said = plane.cli("licence", "set", "--plan", "trial", "--tasks", "2", "--feature", "noop", "--grace", "1h")
    assert said.stdout == "licence default: 1 agents, 2 jobs each, only noop, a grace of 60m\n", said.stderr
    listed = plane.cli("licence", "list")
    assert "default" in listed.stdout and "0/1" in listed.stdout
    [one] = json.loads(plane.cli("licence", "list", "--json").stdout)
    assert (one["plan"], one["channel"], one["expired"]) == ("trial", "stable", False)
    assert plane.cli("licence", "set", "--feature", "NO").returncode == 2
    assert plane.cli("licence", "remove", "default").returncode == 0
    assert "agents are unlimited" in plane.cli("licence", "list").stdout


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"plan": "enterprice"}, "enterprice has no terms of its own"),
        ({"features": ["comand"]}, "no kind of job is comand"),
        ({"features": ["reviews.*"]}, "no kind of job is reviews"),
    ],
)
def test_a_slip_of_the_pen_bounds_something_or_is_none(given: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        licences.parse("default", given, 0)
    assert licences.parse("default", {"plan": "site", "max_agents": 0, "features": ["review.*"]}, 0).max_agents == 0


def test_nobody_else_is_handed_a_licence(plane: Fleet) -> None:
    put(plane, max_tasks=3)
    agent, thief = Light(plane.api, plane.port, "owner"), Light(plane.api, plane.port, "thief")
    token = reply(agent).licence
    with pytest.raises(licence.Foreign):
        claims(thief, token)
    with pytest.raises(Refused):
        thief.post("/v1/beat", agent.request(), "beat", agent.agent)
