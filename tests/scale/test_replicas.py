"""Several real control planes on a real PostgreSQL serve as one."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from paddock.cli.api import Api
from paddock.client import Client
from paddock.core.errors import PaddockError
from paddock.wire.messages import Outcome
from support.fleet import ENDED
from support.light import Light, Refused
from support.replicas import Replicas, Start
from support.services import Postgres, Redis
from support.wait import wait_until

PATIENCE = 60.0


def noops(api: Api, count: int, batch: str) -> list[str]:
    """Submits so many jobs that do nothing; their ids."""
    jobs = [{"id": f"{batch}-{number}", "kind": "noop", "payload": {}} for number in range(count)]
    return [job["id"] for job in api.post("/v1/jobs", {"project": "shop", "jobs": jobs})["jobs"]]


def ended(api: Api, ref: str) -> dict[str, Any]:
    """A job, once it has ended."""
    found: dict[str, Any] = {}

    def over() -> bool:
        found.update(api.get(f"/v1/jobs/{ref}"))
        return found["state"] in ENDED

    wait_until(over, PATIENCE, every=0.05, what=f"{ref} ends")
    return found


def done_once(api: Api, jobs: list[str]) -> None:
    """Waits until all are done, each by one attempt."""
    for ref in jobs:
        found = ended(api, ref)
        assert found["state"] == "done"
        assert [attempt["state"] for attempt in found["attempts"]].count("done") == 1


def says(api: Api, name: str, value: object) -> None:
    """Waits until a replica's health has this value."""

    def so() -> bool:
        try:
            return bool(api.get("/v1/health")[name] == value)
        except PaddockError:  # it is not well, or not there
            return False

    wait_until(so, PATIENCE, what=f"{api.server}: {name} is {value}")


def met(fleet: Replicas) -> None:
    """Waits until all replicas hear of each other."""
    for number in fleet.replicas:
        says(fleet.at(number), "replicas", len(fleet.replicas))


@pytest.mark.parametrize("way", ["postgres", "redis"])
def test_an_idle_agent_is_woken_for_a_job_that_another_replica_was_given(replicas: Start, redis: str, way: str) -> None:
    # Only a wake-up brings a beat within the test's patience.
    with_bus = {"redis": redis, "postgres": ""}[way]
    fleet = replicas(bus=with_bus, beat=600.0, lease=1_800.0)
    met(fleet)
    fleet.agent("a1", server=fleet.at(0).server)
    for number in (1, 0):
        done_once(fleet.at(number), noops(fleet.at(number), 1, f"at-{number}"))
    command = {"id": "says", "payload": {"argv": ["echo", "hello"]}}
    ref = fleet.at(1).post("/v1/jobs", {"project": "shop", "jobs": [command]})["jobs"][0]["id"]
    ended(fleet.at(1), ref)
    for number in (0, 1):  # what it printed is to be had everywhere
        assert b"hello" in fleet.at(number).raw(f"/v1/jobs/{ref}/log")[0]
    assert fleet.at(1).get("/v1/fleet")["online"] == 1
    here, there = (Client(fleet.at(number).server).topic("deploys", source="/ci") for number in (0, 1))
    assert here.publish(1, id="once") == there.publish(1, id="once") == 1
    with ThreadPoolExecutor() as pool:
        heard = pool.submit(lambda: next(here.follow(1)))
        there.publish("hello")
        assert heard.result(PATIENCE).data == "hello"


def test_replicas_that_are_killed_take_nothing_with_them(replicas: Start, redis: str) -> None:
    fleet = replicas(bus=redis, count=3)
    met(fleet)
    for name in ("a1", "a2"):
        fleet.agent(name, slots=8)
    jobs = noops(fleet.at(2), 100, "first")
    fleet.kill_replica(0)
    jobs += noops(fleet.at(2), 100, "second")
    fleet.start_replica(0)
    fleet.kill_replica(1)
    jobs += noops(fleet.at(0), 100, "third")
    done_once(fleet.at(0), jobs)
    assert fleet.at(0).get("/v1/fleet")["jobs"]["done"] == 300
    wait_until(lambda: fleet.at(0).get("/v1/fleet")["online"] == 2, PATIENCE, what="both agents are there")


def test_a_light_agent_may_speak_to_any_replica(replicas: Start) -> None:
    fleet = replicas(beat=600.0, lease=1_800.0)
    light = Light(fleet.at(0), fleet.ports[0], "l1")
    refs = noops(fleet.at(0), 6, "any")
    for turn in range(60):
        light.port = fleet.ports[turn % 2]
        grants, _ = light.beat(want=1)
        for grant in grants:
            light.port = fleet.ports[(turn + 1) % 2]
            light.beat(Outcome(job=grant.job, epoch=grant.epoch, status="done"))
        if all(fleet.at(1).get(f"/v1/jobs/{ref}")["state"] == "done" for ref in refs):
            break
    done_once(fleet.at(1), refs)
    old, seq = light.session, light.seq
    light.boot()
    light.port = fleet.ports[0]
    light.beat()
    light.session, light.seq, light.port = old, seq, fleet.ports[1]

    def refused() -> object:
        try:
            light.beat()
        except Refused as error:
            return error.args
        return None

    # An idle beat asks nothing of the store; the other replica hears of the new session by the bus.
    assert wait_until(refused, PATIENCE, what="the replaced session is told so") == (409, "stale_session")


def test_a_bus_that_dies_and_comes_back_empty_costs_time_only(replicas: Start) -> None:
    with Redis() as server:
        fleet = replicas(bus=server.url())
        met(fleet)
        fleet.agent("a1", server=fleet.at(0).server)
        server.kill()
        for number in (0, 1):
            says(fleet.at(number), "bus", "lost")
        done_once(fleet.at(0), noops(fleet.at(1), 5, "without"))
        server.start()
        met(fleet)
        health = fleet.at(0).get("/v1/health")
        assert (health["ok"], health["bus"], health["bus_faults"]) == (True, "connected", 1)
        done_once(fleet.at(0), noops(fleet.at(1), 5, "with"))


def test_leases_outlive_an_outage_of_the_database(replicas: Start) -> None:
    lease = 1.5
    with Postgres() as server:
        fleet = replicas(store=server.dsn(), beat=0.5, lease=lease)
        light = Light(fleet.at(0), fleet.ports[0], "l1")
        light.beat()
        [ref] = noops(fleet.at(0), 1, "long")
        grants = wait_until(lambda: light.beat(want=1)[0], PATIENCE, what="the job is granted")
        assert [grant.job for grant in grants] == [ref]
        light.held = {grant.job: grant.epoch for grant in grants}
        began = time.monotonic()
        server.kill()
        wait_until(lambda: time.monotonic() - began > 1.5 * lease, PATIENCE, what="every lease would have run out")
        with pytest.raises(Refused) as caught:
            light.beat()
        assert caught.value.args == (503, "store_unavailable")
        server.start()

        def renewed() -> bool:
            try:
                _, told = light.beat()
            except Refused:
                return False
            assert told is None or not told.stops
            return True

        wait_until(renewed, PATIENCE, what="a beat is answered")
        for number in (0, 1):
            says(fleet.at(number), "ok", True)
        [grant] = grants
        light.beat(Outcome(job=grant.job, epoch=grant.epoch, status="done"))
        done_once(fleet.at(1), [ref])


def test_what_a_replica_cannot_use_is_said_at_the_start(replicas: Start, tmp_path: Path) -> None:
    fleet = replicas(count=1)
    missing = f"unix://{tmp_path}/no-redis"
    tries = [
        (fleet.refused("--bus", missing), "the bus on Redis at"),
        (fleet.refused("--bus", "amqp://host"), "'amqp' is no kind of bus"),
        (fleet.refused("--keys", str(tmp_path / "keys")), "the store belongs to a control plane with the key job-"),
        (fleet.refused(store="mysql://host/db"), "none of a PostgreSQL database"),
    ]
    for said, wanted in tries:
        assert wanted in said
    assert not list((tmp_path / "keys").glob("*"))
