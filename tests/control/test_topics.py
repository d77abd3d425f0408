"""Topics over real HTTP: CloudEvents in every form, streams that go on where they were, groups that share."""

import http.client
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from paddock.core.errors import BadInput, NotFound
from support.fleet import Fleet


def event(number: int, **more: object) -> dict[str, Any]:
    return {"specversion": "1.0", "id": f"e{number}", "source": "/test", "type": "test.made", "data": number, **more}


@pytest.fixture
def topic() -> str:
    return f"t-{secrets.token_hex(4)}"


def post(plane: Fleet, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
    link = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=30)
    try:
        link.request("POST", path, body, headers)
        answer = link.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        link.close()


@contextmanager
def stream(plane: Fleet, path: str, **headers: str) -> Iterator[Iterator[tuple[int, Any]]]:
    """The events of a stream with their positions."""
    link = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=30)
    try:
        link.request("GET", path, headers={"accept": "text/event-stream", **headers})
        answer = link.getresponse()
        assert answer.status == 200

        def events() -> Iterator[tuple[int, Any]]:
            position = 0
            while line := answer.readline().strip():
                if line.startswith(b"id: "):
                    position = int(line[4:])
                if line.startswith(b"data: "):
                    yield position, json.loads(line[6:])
                if line.startswith((b":", b"data: ")):
                    answer.readline()

        yield events()
    finally:
        link.close()


def test_an_event_comes_in_every_form_and_once(plane: Fleet, topic: str) -> None:
    path = f"/v1/topics/{topic}"
    for kind in ("application/json", "application/cloudevents+json"):
        assert post(plane, path, json.dumps(event(1)).encode(), **{"content-type": kind})[1]["positions"] == [1]
    batch = json.dumps([event(1), event(2, subject="x")]).encode()
    told = post(plane, path, batch, **{"content-type": "application/cloudevents-batch+json"})
    assert told == (201, {"topic": topic, "positions": [1, 2]})
    named = {"ce-specversion": "1.0", "ce-id": "e3", "ce-source": "/test", "ce-type": "test.made"}
    assert post(plane, path, b"\x00\xff", **named, **{"content-type": "image/png"})[0] == 201
    found = plane.api.get(path)
    assert [one["id"] for one in found] == ["e1", "e2", "e3"]
    assert (found[1]["subject"], found[1]["sequence"]) == ("x", "2")
    assert (found[2]["data_base64"], found[2]["datacontenttype"]) == ("AP8=", "image/png")
    assert [one["id"] for one in plane.api.get(path, after=1, limit=1)] == ["e2"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ""}, "event.id"),
        ({"source": 7}, "event.source"),
        ({"Bad-Name": "x"}, "no attribute's name"),
        ({"subject": 7}, "event.subject"),
        ({"data_base64": "AP8="}, "exclude each other"),
        ({"data": "x" * 300_000}, "at most"),
    ],
    ids=["version", "id", "source", "name", "type", "two data", "size"],
)
def test_what_is_no_event_is_named(plane: Fleet, topic: str, given: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        plane.api.post(f"/v1/topics/{topic}", event(1, **given))
    with pytest.raises(NotFound):
        plane.api.get(f"/v1/topics/{topic}")


def test_nobody_else_writes_to_paddocks_own_topics(plane: Fleet) -> None:
    with pytest.raises(BadInput, match="Paddock's own"):
        plane.api.post("/v1/topics/paddock.jobs", event(1))
    with pytest.raises(BadInput, match="is no topic"):
        plane.api.post("/v1/topics/Nope!", event(1))


def test_a_stream_replays_and_goes_on_where_it_was(plane: Fleet, topic: str) -> None:
    path = f"/v1/topics/{topic}"
    plane.api.post(path, event(1))
    with stream(plane, path) as events:
        assert next(events)[0] == 1
        plane.api.post(path, event(2))
        position, found = next(events)
        assert (position, found["id"]) == (2, "e2")
    plane.api.post(path, event(3))
    with stream(plane, path, **{"last-event-id": str(position)}) as events:
        assert next(events)[1]["id"] == "e3"


def test_a_group_shares_and_gives_again_what_one_did_not_do(plane: Fleet, topic: str) -> None:
    path = f"/v1/topics/{topic}"
    with pytest.raises(NotFound):
        plane.api.post(f"{path}/groups/g/take", {"consumer": "a"})
    plane.api.post(path, event(1))
    plane.api.post(path, event(2))
    [first] = plane.api.post(f"{path}/groups/g/take", {"consumer": "a"})["deliveries"]
    [second] = plane.api.post(f"{path}/groups/g/take", {"consumer": "b", "max": 9})["deliveries"]
    assert (first["event"]["id"], second["event"]["id"]) == ("e1", "e2")
    assert plane.api.post(f"{path}/groups/g/ack", {"tokens": [first["token"], "d-none"]}) == {"stale": ["d-none"]}
    assert plane.api.post(f"{path}/groups/g/nack", {"tokens": [second["token"]]}) == {"stale": []}
    [again] = plane.api.post(f"{path}/groups/g/take", {"consumer": "a"})["deliveries"]
    assert (again["event"]["id"], again["tries"]) == ("e2", 2)
    assert plane.api.post(f"{path}/groups/g/ack", {"tokens": [second["token"]]}) == {"stale": [second["token"]]}
    [group] = plane.api.get(f"{path}/groups")
    assert (group["name"], group["next"], group["pending"]) == ("g", 3, 1)


def test_a_topic_keeps_what_it_was_told_to(plane: Fleet, topic: str) -> None:
    made = plane.api.post("/v1/topics", {"name": topic, "keep_count": 2})
    assert (made["name"], made["keep_count"], made["last"]) == (topic, 2, 0)
    for number in range(4):
        plane.api.post(f"/v1/topics/{topic}", event(number))
    assert [one["id"] for one in plane.api.get(f"/v1/topics/{topic}")] == ["e2", "e3"]
    assert topic in [one["name"] for one in plane.api.get("/v1/topics")]
