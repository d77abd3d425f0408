"""Attempts publish and read what is theirs, while they hold their job; signed calls over real HTTP."""

import json
import secrets
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from paddock.client import Client
from paddock.wire.logs import split
from paddock.wire.topics import TopicAnswer, TopicCall, join
from support.fleet import Fleet
from support.light import Light, Refused, done


@pytest.fixture
def light(plane: Fleet) -> Iterator[Light]:
    """An agent that holds a job of `shop`."""
    agent = Light(plane.api, plane.port, f"a-{secrets.token_hex(4)}")
    plane.submit({"id": f"j-{secrets.token_hex(4)}", "kind": "noop"})
    [grant] = agent.beat(want=1)[0]
    yield agent
    if agent.held:
        agent.beat(done(grant))


@pytest.fixture
def topic() -> str:
    return f"t-{secrets.token_hex(4)}"


def call(agent: Light, events: object = None, **fields: object) -> tuple[TopicAnswer, list[dict[str, Any]]]:
    [(job, epoch)] = agent.held.items()
    head = TopicCall(**{"job": job, "epoch": epoch, "session": agent.session, **fields})  # type: ignore[arg-type]
    data = json.dumps(events).encode() if events is not None else b""
    told, found = split(agent.post("/v1/agent-topics", join(head, data), "topics"))
    return msgspec.json.decode(told, type=TopicAnswer), json.loads(found or b"[]")


def event(agent: Light, number: int, **more: object) -> dict[str, object]:
    [job] = agent.held
    return {"specversion": "1.0", "id": f"e{number}", "source": f"/jobs/{job}", "type": "t", "data": number, **more}


def test_an_attempt_reaches_its_project_its_job_and_its_agent(plane: Fleet, light: Light, topic: str) -> None:
    [job] = light.held
    for space, owner in (("project", "shop"), ("job", job), ("agent", light.agent)):
        for _ in range(2):  # an answer may be lost
            told = call(light, [event(light, 1), event(light, 2)], op="publish", space=space, topic=topic)[0]
            assert (told.status, told.topic, told.positions) == (200, f"{space}:{owner}:{topic}", (1, 2))
        told, found = call(light, op="read", space=space, topic=topic, after=1)
        assert (told.after, [one["id"] for one in found]) == (2, ["e2"])
        assert [one["data"] for one in plane.api.get(f"/v1/topics/{space}:{owner}:{topic}")] == [1, 2]
        assert topic in [one["name"].rpartition(":")[2] for one in call(light, op="list", space=space)[1]]
    assert call(light, op="read", topic="none-yet")[1] == []
    assert call(light, op="read", topic=topic, after=-1)[0].after == 2
    # By name, as people know them.
    assert plane.api.get(f"/v1/topics/agent:{light.name}:{topic}") == found_of(plane, f"agent:{light.agent}:{topic}")


def found_of(plane: Fleet, topic: str) -> Any:
    return plane.api.get(f"/v1/topics/{topic}")


@pytest.mark.parametrize(
    ("fields", "more", "code"),
    [
        ({"epoch": 7}, {}, "stale_lease"),
        ({"session": "s-other"}, {}, "stale_lease"),
        ({"job": "j-none"}, {"source": "/jobs/j-none"}, "stale_lease"),
        ({"topic": "paddock.jobs"}, {}, "bad_input"),
        ({"topic": "project:other:t"}, {}, "bad_input"),
        ({}, {"source": "/people/ann"}, "bad_input"),
        ({}, {"source": "/jobs/j-other"}, "bad_input"),
        ({}, {"id": ""}, "bad_input"),
    ],
    ids=["epoch", "session", "job", "Paddock's", "another's", "a person", "another job", "no id"],
)
def test_what_an_attempt_may_not_say(
    plane: Fleet, light: Light, topic: str, fields: dict[str, object], more: dict[str, object], code: str
) -> None:
    given = {"op": "publish", "topic": topic, **fields}
    assert call(light, [event(light, 1, **more)], **given)[0].code == code
    assert f"project:shop:{topic}" not in [one["name"] for one in plane.api.get("/v1/topics")]


def test_a_signature_is_for_topics_and_nothing_else(light: Light) -> None:
    [(job, epoch)] = light.held.items()
    body = join(TopicCall(job=job, epoch=epoch, session=light.session, op="list"), b"")
    with pytest.raises(Refused) as error:
        light.post("/v1/agent-topics", body, "state")
    assert error.value.args == (401, "unauthorised")


def test_a_zombie_is_refused_and_told_of_once(plane: Fleet, light: Light, topic: str) -> None:
    [(job, epoch)] = light.held.items()
    plane.api.post(f"/v1/jobs/{job}/cancel", {})
    light.beat()
    light.held[job] = epoch + 1
    for _ in range(3):
        told, found = call(light, [event(light, 1)], op="publish", topic=topic)
        assert (told.status, told.code, found) == (409, "stale_lease", [])
    assert plane.events(job).count("topic.refused") == 1
    light.held.clear()


def test_a_question_waits_for_its_answer(plane: Fleet, light: Light, topic: str) -> None:
    told: list[tuple[TopicAnswer, list[dict[str, Any]]]] = []
    asks = threading.Thread(target=lambda: told.append(call(light, op="read", topic=topic, wait=25)))
    asks.start()
    Client(plane.url).topic(f"project:shop:{topic}").publish("now", id="1")
    asks.join(30)
    [(answer, found)] = told
    assert (answer.after, [one["data"] for one in found]) == (1, ["now"])
