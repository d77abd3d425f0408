"""The client against a real control plane."""

import threading

import pytest

from paddock.client import Client, ClientError, Conflict, NotFound, TooLarge, Unreachable
from support.fleet import Fleet
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
