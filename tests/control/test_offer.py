"""A job that comes while an agent is idle is granted to it at once; an agent that does not come gets nothing."""

import http.client
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from paddock.wire.messages import Reply
from support.fleet import Fleet
from support.light import Light, done
from support.wait import wait_until


def idle(plane: Fleet) -> Light:
    """An agent of a kind of its own that has just said that it would take a job."""
    return Light(plane.api, plane.port, f"o{secrets.token_hex(4)}", slots=2)


@contextmanager
def listening(plane: Fleet, light: Light) -> Iterator[http.client.HTTPResponse]:
    """Its wake channel, open."""
    body = light.request(want=2)
    bearer = msgspec.json.decode(light.post("/v1/beat", body, "beat"), type=Reply).bearer
    link = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=30)
    try:
        link.request("GET", "/v1/wake", headers={"authorization": f"Bearer {bearer}"})
        answer = link.getresponse()
        assert answer.readline() == b": awake\n" and answer.readline() == b"\n"
        yield answer
    finally:
        link.close()


def journal(plane: Fleet, job: str) -> list[str]:
    return [event["type"] for event in plane.job(job)["journal"]]


def test_a_job_is_an_idle_agents_before_it_beats(plane: Fleet) -> None:
    light = idle(plane)
    with listening(plane, light) as wakes:
        light.beat(want=2)  # the channel is open: from here on it is known to listen
        job = plane.submit({"id": "n", "kind": "noop", "payload": {}})["n"]
        assert plane.job(job)["state"] == "leased"
        assert wakes.readline() == b"data: beat\n"
        [grant], _ = light.beat(want=2)
        assert (grant.job, light.order(grant)["epoch"]) == (job, 1)
        light.beat(done(grant))
    assert journal(plane, job) == ["job.submitted", "job.leased", "attempt.done"]


def test_one_that_does_not_come_loses_what_it_was_offered_and_no_try_is_used(plane: Fleet) -> None:
    light, other = idle(plane), Light(plane.api, plane.port, f"p{secrets.token_hex(4)}")
    with listening(plane, light):
        light.beat(want=2)
        job = plane.submit({"id": "n", "kind": "noop", "payload": {}})["n"]
        wait_until(lambda: plane.job(job)["state"] == "ready", 30)
        assert plane.job(job)["attempt"] == 0
        [grant], _ = other.beat(want=1)
        assert (grant.job, grant.epoch) == (job, 2)
        jobs, _ = light.beat(want=2)
        assert jobs == ()
        other.beat(done(grant))
    attempts = plane.job(job)["attempts"]
    assert [(attempt["state"], attempt["code"]) for attempt in attempts] == [("returned", "undelivered"), ("done", "")]


def test_more_jobs_than_it_would_take_are_announced_to_all(plane: Fleet) -> None:
    light = idle(plane)
    with listening(plane, light) as wakes:
        light.beat(want=2)
        made = plane.submit(*({"id": f"n{at}", "kind": "noop", "payload": {}} for at in range(3)))
        assert {plane.job(job)["state"] for job in made.values()} == {"ready"}
        assert wakes.readline() == b"data: beat\n"
        for _ in made:
            [grant] = wait_until(lambda: light.beat(want=1)[0], 30)
            light.beat(done(grant))
    assert {plane.job(job)["state"] for job in made.values()} == {"done"}
    assert journal(plane, made["n0"]) == ["job.submitted", "job.leased", "attempt.done"]
