"""The client against a real control plane."""

import threading

import pytest

from paddock.client import Client, ClientError, Conflict, NotFound, TooLarge, Unreachable
from support.fleet import Fleet
from support.light import Light
from support.places import free_port


@pytest.fixture
def client(plane: Fleet) -> Client:
    return Client(plane.url)


def test_it_submits_and_shows_jobs(client: Client) -> None:
    made = client.submit("shop", [{"id": "a", "kind": "noop"}], name="from a program")
    job = made["jobs"][0]["id"]
    assert client.job(job)["name"] == "a"
    assert [found["id"] for found in client.jobs(batch=made["batch"])] == [job]
    assert client.cancel(job)["state"] == "cancelled"
    assert client.retry(job)["state"] == "ready"
    with pytest.raises(NotFound):
        client.job("nobody")
    with pytest.raises(ClientError) as error:
        client.submit("shop", [])
    assert (error.value.status, error.value.code) == (400, "bad_input")


def test_rivals_lose_no_update(client: Client) -> None:
    state = client.state("project", "shop")

    def add() -> None:
        for _ in range(5):
            state.update_json("sum", lambda found: found + 1, 0)

    rivals = [threading.Thread(target=add) for _ in range(6)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert state.get_json("sum") == 30


def test_what_goes_wrong_has_a_name(client: Client) -> None:
    state = client.state("project", "shop")
    etag = state.put("k", "text", ttl=60)
    there = state.get("k")
    assert (there.data, there.etag, there.content_type, there.expires is not None) == (
        b"text",
        etag,
        "text/plain",
        True,
    )
    with pytest.raises(Conflict) as error:
        state.put("k", b"", if_match='"r-other"')
    assert (error.value.etag, error.value.in_doubt) == (etag, False)
    with pytest.raises(Conflict):
        state.delete("k", if_match='"r-other"')
    with pytest.raises(NotFound):
        state.get("none")
    assert (state.find("none"), state.get_json("none", 7), state.delete("none")) == (None, 7, False)
    with pytest.raises(TooLarge):
        state.put("k", b"x" * (20 << 20))
    with pytest.raises(Unreachable):
        Client(f"http://127.0.0.1:{free_port()}", patience=0.0).jobs()
    with pytest.raises(ValueError, match="no address"):
        Client("nonsense")


def test_every_key_is_listed(client: Client) -> None:
    state = client.state("project", "shop")
    names = [f"many/{number:04} é?&=%" for number in range(510)]
    for name in names:
        state.put(name, b"")
    assert [key.key for key in state.keys("many/")] == names
    assert state.get(names[3]).data == b""


def test_topics_are_published_read_and_shared(client: Client) -> None:
    topic = client.topic("deploys", source="/ci")
    assert topic.publish({"host": "a1"}, type="deploy.done", id="1", subject="a1") == 1
    assert topic.publish({"host": "a1"}, type="deploy.done", id="1") == 1
    assert topic.publish_all([{"type": "t"}, {"type": "t", "data": None, "traceparent": "00-1"}]) == [2, 3]
    assert topic.publish(b"\x00\xff", time="2026-01-31T12:00:00Z") == 4
    first, *_, last = topic.read()
    assert (first.position, first.id, first.source, first.type) == (1, "1", "/ci", "deploy.done")
    assert (first.data, first.subject, first.more) == ({"host": "a1"}, "a1", {})
    assert (last.data, last.time) == (b"\x00\xff", "2026-01-31T12:00:00Z")
    assert topic.read(2)[0].more == {"traceparent": "00-1"} and [event.position for event in topic.read(1, 1)] == [2]
    assert (topic.last(), topic.read(4)) == (4, [])
    assert list(topic.follow(4, quiet=1)) == []
    mine, other = topic.group("mailers", "me"), topic.group("mailers", "you")
    [one, two] = mine.take(2, seconds=60)
    assert (one.event, one.tries, two.event.position) == (first, 1, 2)
    assert mine.ack(one) == [] and mine.nack(two) == [] and mine.ack(one) == [one]
    assert [given.event.position for given in other.take(9)] == [2, 3, 4]
    [group] = topic.groups()
    assert (group.name, group.next, group.behind, group.pending, group.dead) == ("mailers", 5, 0, 3, 0)
    assert client.keep_topic("deploys", count=1)["keep_count"] == 1
    assert "deploys" in [row["name"] for row in client.topics()] and list(client.topics("none")) == []
    with pytest.raises(NotFound):
        client.topic("project:nobody:t").last()
    with pytest.raises(ClientError, match="at most 262,144 bytes"):
        topic.publish("x" * 300_000)


def test_the_registry_says_who_could_do_it(client: Client, plane: Fleet) -> None:
    agents = [Light(plane.api, plane.port, f"able-{number}", slots=2) for number in range(3)]
    for agent in agents:
        agent.beat()
    found = list(client.registry(kind=["noop"]))
    assert [(agent.id, agent.name, agent.slots) for agent in found] == sorted(
        (agent.agent, agent.name, 2) for agent in agents
    )
    assert found[0].kinds == ("noop",) and found[0].healthy and found[0].expires_at > found[0].last_beat
    assert list(client.registry(capability=["gpu"])) == [] == list(client.registry(healthy=False))
    watched = client.watch_registry(kind=["noop"])
    assert sorted(next(watched)) == [agent.id for agent in found]
    late = Light(plane.api, plane.port, "late")
    late.beat()
    assert next(watched)[late.agent].name == "late"
