"""Pauses, shares and limits over the API and the command line, with agents that speak the protocol."""

import json

import pytest

from paddock.core.errors import BadInput, NotFound
from support.fleet import Fleet
from support.light import Light, done


def noop(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "kind": "noop", "payload": {}, **more}


def taken(plane: Fleet, light: Light, want: int = 9) -> list[str]:
    """The names of the jobs that one beat brings."""
    return [plane.job(grant.job)["name"] for grant in light.beat(want=want)[0]]


def test_a_paused_project_starts_nothing_and_says_why(plane: Fleet) -> None:
    light = Light(plane.api, plane.port, "pausing", slots=9)
    plane.submit(noop("runs"))
    (running,), _ = light.beat(want=1)
    said = plane.cli("project", "pause", "shop", "--for", "2h", "--note", "release freeze", "--as", "ann")
    assert (said.returncode, said.stderr) == (0, "") and "paused by ann" in said.stdout
    plane.submit(noop("held"))
    assert taken(plane, light) == []
    why = plane.api.get("/v1/jobs/held/why")["summary"]
    assert why.startswith("project shop is paused by ann until ") and why.endswith(": release freeze")
    paused = plane.api.get("/v1/projects")[0]["paused"]
    assert (paused["by"], paused["note"], paused["until"] - paused["since"]) == ("ann", "release freeze", 7_200_000)
    assert "release freeze" in plane.cli("project", "list").stdout
    page, _ = plane.api.raw("/")
    assert b"is paused by ann" in page and b"release freeze" in page
    light.beat(done(running))
    assert plane.job("runs")["state"] == "done"
    assert json.loads(plane.cli("project", "resume", "shop", "--json").stdout)["paused"] is None
    assert taken(plane, light) == ["held"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"until": 1}, "until: 1 is no moment"),
        ({"until": "2001-01-01T00:00:00Z"}, "until lies in the past"),
        ({"until": "2030-01-01T00:00"}, "has no offset"),
        ({"seconds": -1}, "seconds: expected a number"),
        ({"seconds": 1, "until": 5}, "either until or seconds"),
        ({"note": "a\nb"}, "note: expected a text of one line"),
        ({"surprise": 1}, "unknown field 'surprise'"),
    ],
    ids=str,
)
def test_a_pause_that_makes_no_sense_is_refused(plane: Fleet, body: dict[str, object], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        plane.api.post("/v1/projects/shop/pause", body)


def test_an_unknown_project_cannot_be_paused(plane: Fleet) -> None:
    with pytest.raises(NotFound, match="unknown project 'nowhere'"):
        plane.api.post("/v1/projects/nowhere/pause", {})
    assert plane.cli("project", "pause", "nowhere").returncode == 2


def test_a_second_job_with_a_unique_key_is_the_first(plane: Fleet) -> None:
    light = Light(plane.api, plane.port, "unique", slots=9)
    first = plane.api.post("/v1/jobs", {"project": "shop", "jobs": [noop("one", unique="nightly")]})["jobs"]
    second = plane.api.post("/v1/jobs", {"project": "shop", "jobs": [noop("two", unique="nightly"), noop("other")]})
    assert second["jobs"][0] == {"id": first[0]["id"], "name": "two", "duplicate": True}
    assert "duplicate" not in second["jobs"][1]
    said = plane.cli("submit", "--project", "shop", "--id", "x", "--kind", "noop", "--unique", "nightly")
    assert f"{first[0]['id']}  x  (there already" in said.stdout
    assert plane.job(first[0]["id"])["unique"] == "nightly"
    grants, _ = light.beat(want=9)
    light.beat(*(done(grant) for grant in grants))


def test_jobs_of_an_exclusive_key_take_turns(plane: Fleet) -> None:
    light = Light(plane.api, plane.port, "exclusive", slots=9)
    plane.submit(noop("turn-1", exclusive="deploy"), noop("turn-2", exclusive="deploy"))
    assert taken(plane, light) == ["turn-1"]
    why = plane.api.get("/v1/jobs/turn-2/why")["summary"]
    assert why == "waits its turn: one job at a time with the key 'deploy' for shop, and turn-1 runs"
    assert plane.job("turn-2")["exclusive"] == "deploy"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"not_before": "tomorrow"}, "'tomorrow' is no moment"),
        ({"not_before": "2030-01-01"}, "has no offset from UTC"),
        ({"not_before": 1_900_000_000}, "no moment in epoch milliseconds"),
        ({"limits": ["2"]}, "'2' is no key of a limit"),
        ({"labels": ["A b"]}, "'A b' is no label"),
        ({"unique": "a\x00b"}, "unique is no text of one line"),
        ({"unique": ""}, "Expected `str` of length >= 1"),
    ],
    ids=str,
)
def test_a_field_that_cannot_hold_is_named(plane: Fleet, fields: dict[str, object], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        plane.submit(noop("x", **fields))


def test_two_jobs_of_one_batch_cannot_share_a_unique_key(plane: Fleet) -> None:
    with pytest.raises(BadInput, match="unique key 'k' is that of 'a' too"):
        plane.submit(noop("a", unique="k"), noop("b", unique="k"))


def test_a_job_that_is_for_later_says_when(plane: Fleet) -> None:
    plane.submit(noop("later", not_before="2100-01-01T01:00:00+01:00"))
    assert plane.api.get("/v1/jobs/later/why")["summary"] == "starts at 2100-01-01 00:00:00 UTC at the earliest"
    plane.api.post("/v1/jobs/later/cancel", {})
