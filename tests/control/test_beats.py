"""Activation and beats over real HTTP with real signatures: what an agent may do, and nobody in its name."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from paddock.wire.envelope import unseal
from paddock.wire.logs import LogChunk, join
from paddock.wire.messages import Reply
from support.fleet import Fleet
from support.light import Light, Refused, done


@pytest.fixture
def one(plane: Fleet) -> Light:
    """An agent that has said hello."""
    light = Light(plane.api, plane.port, f"l{secrets.token_hex(4)}")
    light.beat()
    return light


def noop(plane: Fleet) -> str:
    return plane.submit({"id": "n", "kind": "noop", "payload": {}})["n"]


def test_an_order_says_everything_and_is_signed_for_this_agent_alone(plane: Fleet, one: Light) -> None:
    job = noop(plane)
    [grant], _ = one.beat(want=1)
    order = one.order(grant)
    assert (order["job"], order["epoch"], order["attempt"]) == (job, 1, 1)
    assert (order["agent"], order["agent_key"], order["generation"]) == (one.agent, one.key.keyid, 1)
    assert order["nbf"] < order["exp"] <= order["nbf"] + 24 * 3_600_000 and len(order["nonce"]) == 32
    with pytest.raises(Exception, match="no signature by a known key"):
        unseal(grant.order, "job", one.keys, "directive")
    _, told = one.beat(done(grant))
    assert told is not None and [(ack.job, ack.code) for ack in told.acks] == [(job, "")]
    assert plane.job(job)["state"] == "done"


def test_the_same_beat_again_gets_the_same_answer_and_does_nothing_twice(plane: Fleet, one: Light) -> None:
    job = noop(plane)
    body = one.request(want=1)
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: one.post("/v1/beat", body, "beat"), range(16)))
    assert len(answers) == 1
    [grant] = msgspec.json.decode(answers.pop(), type=Reply).jobs
    assert (grant.job, len(plane.job(job)["attempts"])) == (job, 1)
    one.held[job] = grant.epoch
    one.beat(done(grant))
    with pytest.raises(Refused) as caught:
        one.post("/v1/beat", body, "beat")
    assert caught.value.args == (409, "old_beat")


def test_a_beat_counts_only_with_its_own_agents_signature(plane: Fleet, one: Light) -> None:
    other = Light(plane.api, plane.port, "other")
    body = one.request()
    for light, purpose, agent in [
        (one, "log", None),
        (one, "activation", None),
        (other, "beat", one.agent),
        (other, "beat", None),
        (one, "beat", "a" + "0" * 20),
        (one, "beat", ""),
    ]:
        with pytest.raises(Refused) as caught:
            light.post("/v1/beat", body, purpose, agent)
        assert caught.value.args == (401, "unauthorised")
    with pytest.raises(Refused) as caught:
        one.post("/v1/beat", body[:-1] + b',"seq":99}', "beat")
    assert caught.value.args == (400, "malformed")


def test_a_replaced_session_is_told_so_and_may_do_nothing_more(plane: Fleet, one: Light) -> None:
    job = noop(plane)
    [grant], _ = one.beat(want=1)
    old, seq = one.session, one.seq
    one.boot()
    one.held = {}
    one.beat()
    assert plane.job(job)["attempts"][0]["state"] == "lost"
    one.session, one.seq = old, seq
    for hello in (None, one.hello):
        with pytest.raises(Refused) as caught:
            one.post("/v1/beat", one.request(done(grant), hello=hello), "beat")
        assert caught.value.args == (409, "stale_session")
    assert plane.job(job)["state"] == "ready"
    plane.api.post(f"/v1/jobs/{job}/cancel", {})


def test_a_log_is_taken_from_the_attempts_own_agent_in_order(plane: Fleet, one: Light) -> None:
    job = noop(plane)
    [grant], _ = one.beat(want=1)
    other = Light(plane.api, plane.port, "eavesdropper")
    other.beat()

    def send(light: Light, data: bytes, offset: int, **more: object) -> int:
        head = LogChunk(**{"job": job, "epoch": 1, "session": one.session, "seq": 0, "offset": offset, **more})  # type: ignore[arg-type]
        return int(json.loads(light.post(f"/v1/jobs/{job}/log", join(head, data), "log"))["offset"])

    assert send(one, b"hello ", 0) == 6
    assert send(one, b"hello ", 0) == 6
    assert send(one, b"lo world", 3) == 11
    refused = [
        (other, {"offset": 11}, (409, "stale_lease")),
        (one, {"offset": 11, "epoch": 2}, (409, "stale_lease")),
        (one, {"offset": 11, "session": "s" + "0" * 20}, (409, "stale_lease")),
        (one, {"offset": 99}, (409, "offset_ahead")),
        (one, {"offset": 65 << 20}, (409, "offset_ahead")),
    ]
    for light, more, told in refused:
        with pytest.raises(Refused) as caught:
            send(light, b"x", **more)  # type: ignore[arg-type]
        assert caught.value.args == told
    with pytest.raises(Refused):
        one.post(
            "/v1/jobs/j0/log", join(LogChunk(job=job, epoch=1, session=one.session, seq=0, offset=11), b"x"), "log"
        )
    assert plane.log(job) == b"hello world"
    one.beat(done(grant))


def test_a_token_is_good_for_one_key(plane: Fleet) -> None:
    class Api:
        """Hands out one token to everyone."""

        def __init__(self) -> None:
            self.token = plane.api.post("/v1/tokens", {})

        def post(self, _path: str, _body: object) -> object:
            return self.token

    api = Api()

    def race(number: int) -> str:
        try:
            return Light(api, plane.port, f"racer{number}").agent  # type: ignore[arg-type]
        except Refused as refused:
            assert refused.args == (401, "unauthorised")
            return ""

    with ThreadPoolExecutor(16) as pool:
        assert sum(bool(agent) for agent in pool.map(race, range(32))) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"\xff", b"{" * 5_000, b'{"agent":' + b"1" * 5_000, b"\xef\xbb\xbf{}", b"x" * (1 << 20)],
    ids=lambda body: repr(body[:12]),
)
def test_no_signed_body_however_odd_is_more_than_refused(one: Light, body: bytes) -> None:
    for path, purpose in [("/v1/beat", "beat"), ("/v1/activate", "activation"), ("/v1/jobs/j1/log", "log")]:
        with pytest.raises(Refused) as caught:
            one.post(path, body, purpose)
        assert 400 <= caught.value.args[0] < 500
    one.beat()
