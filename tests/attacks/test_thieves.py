"""An agent of the fleet that turned bad: its signatures hold, and it ends, renews or takes nothing of another's."""

import pytest

from paddock.wire.logs import LogChunk, join
from paddock.wire.messages import Beat, Held, Hello, Outcome, encode
from support.chaos import said
from support.fleet import Fleet
from support.light import Light, Refused
from support.middle import Middle


@pytest.fixture(scope="module")
def fleet(middle: Middle) -> Fleet:
    """The fleet alone; nobody stands in the middle here."""
    return middle.fleet


@pytest.fixture(scope="module")
def victim(fleet: Fleet) -> Light:
    return _greeted(fleet, "victim")


@pytest.fixture(scope="module")
def thief(fleet: Fleet) -> Light:
    return _greeted(fleet, "thief")


def _greeted(fleet: Fleet, name: str) -> Light:
    made = Light(fleet.api, fleet.port, name)
    made.beat()
    return made


def held(fleet: Fleet, victim: Light) -> str:
    """A job that the victim holds."""
    job = fleet.submit({"id": "prey", "kind": "noop", "payload": {}})["prey"]
    [grant], _ = victim.beat(want=1)
    assert grant.job == job
    return job


@pytest.mark.parametrize("status", ["done", "failed", "returned", "cancelled", "refused"])
def test_nobody_ends_another_s_attempt(fleet: Fleet, victim: Light, thief: Light, status: str) -> None:
    job = held(fleet, victim)
    _, told = thief.beat(Outcome(job=job, epoch=1, session=victim.session, status=status, code="stolen"))
    assert told is not None and [(ack.job, ack.code) for ack in told.acks] == [(job, "stale_lease")]
    shown = fleet.job(job)
    assert (shown["state"], shown["agent"]) == ("leased", "victim")
    assert [(data["status"], data["said"]) for data in said(shown, "outcome.stale")] == [(status, "stolen")]
    victim.beat(Outcome(job=job, epoch=1, status="done"))
    assert [(a["agent"], a["state"]) for a in fleet.job(job)["attempts"]] == [("victim", "done")]


def test_nobody_holds_another_s_lease(fleet: Fleet, victim: Light, thief: Light) -> None:
    job = held(fleet, victim)
    before = fleet.job(job)["lease_expires"]
    thief.held[job] = 1
    _, told = thief.beat()
    thief.held.clear()
    assert told is not None and [(stop.job, stop.why) for stop in told.stops] == [(job, "stale")]
    assert fleet.job(job)["lease_expires"] == before
    victim.beat(Outcome(job=job, epoch=1, status="done"))


def test_nobody_beats_in_another_s_session_or_name(fleet: Fleet, victim: Light, thief: Light) -> None:
    job = held(fleet, victim)
    hello = Hello(name="victim", version="1", kinds=("noop",), capabilities=(), slots=1)
    fields = {"seq": 1_000, "sent": 0, "hello": hello, "held": (Held(job=job, epoch=1),)}
    for agent, session, told in (
        (victim.agent, victim.session, (401, "unauthorised")),
        (thief.agent, victim.session, (409, "stale_session")),
    ):
        with pytest.raises(Refused) as caught:
            thief.post("/v1/beat", encode(Beat(agent=agent, session=session, **fields)), "beat")  # type: ignore[arg-type]
        assert caught.value.args == told
    assert fleet.job(job)["agent"] == "victim"
    victim.beat(Outcome(job=job, epoch=1, status="done"))


def test_nobody_writes_another_s_log(fleet: Fleet, victim: Light, thief: Light) -> None:
    job = held(fleet, victim)
    chunk = LogChunk(job=job, epoch=1, session=victim.session, seq=0, offset=0)
    with pytest.raises(Refused) as caught:
        thief.post(f"/v1/jobs/{job}/log", join(chunk, b"all is well"), "log")
    assert caught.value.args == (409, "stale_lease")
    assert (fleet.log(job), fleet.events(job)[-1]) == (b"", "log.stale")
    victim.beat(Outcome(job=job, epoch=1, status="done"))
