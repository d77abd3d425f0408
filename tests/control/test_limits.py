"""Pauses, shares and limits over the API and the command line, with agents that speak the protocol."""

import json
from pathlib import Path

import pytest

from paddock.core.errors import BadInput, NotFound
from paddock.wire.messages import Grant
from support.fleet import Fleet
from support.light import Light, done
from support.wait import wait_until


def noop(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "kind": "noop", "payload": {}, **more}


def take(light: Light, count: int, want: int = 9) -> list[Grant]:
    """As many grants, in as many beats as it takes: what is ready is known to the control plane a moment later."""
    grants: list[Grant] = []

    def enough() -> bool:
        grants.extend(light.beat(want=min(want, count - len(grants)))[0])
        return len(grants) == count

    wait_until(enough, 30, what=f"{count} grants")
    return grants


def taken(plane: Fleet, light: Light, count: int) -> list[str]:
    """The names of so many jobs that are granted."""
    return [plane.job(grant.job)["name"] for grant in take(light, count)]


def test_a_paused_project_starts_nothing_and_says_why(plane: Fleet) -> None:
    light = Light(plane.api, plane.port, "pausing", slots=9)
    plane.submit(noop("runs"))
    (running,) = take(light, 1)
    said = plane.cli("project", "pause", "shop", "--for", "2h", "--note", "release freeze", "--as", "ann")
    assert (said.returncode, said.stderr) == (0, "") and "paused by ann" in said.stdout
    plane.submit(noop("held"))
    assert light.beat(want=9)[0] == ()
    told = plane.api.get("/v1/jobs/held/why")
    assert all(reason["reason"] != "is free and will take it" for reason in told["reasons"])
    why = told["summary"]
    assert why.startswith("project shop is paused by ann until ") and why.endswith(": release freeze")
    paused = plane.api.get("/v1/projects")[0]["paused"]
    assert (paused["by"], paused["note"], paused["until"] - paused["since"]) == ("ann", "release freeze", 7_200_000)
    assert "release freeze" in plane.cli("project", "list").stdout
    page, _ = plane.api.raw("/")
    assert b"is paused by ann" in page and b"release freeze" in page
    light.beat(done(running))
    assert plane.job("runs")["state"] == "done"
    assert json.loads(plane.cli("project", "resume", "shop", "--json").stdout)["paused"] is None
    assert taken(plane, light, 1) == ["held"]


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
    light.beat(*(done(grant) for grant in take(light, 2)))


def test_jobs_of_an_exclusive_key_take_turns(plane: Fleet) -> None:
    light = Light(plane.api, plane.port, "exclusive", slots=9)
    plane.submit(noop("turn-1", exclusive="deploy"), noop("turn-2", exclusive="deploy"))
    assert taken(plane, light, 1) == ["turn-1"]
    why = plane.api.get("/v1/jobs/turn-2/why")["summary"]
    assert why == "waits its turn: one job at a time with the key 'deploy' for shop, and turn-1 runs"
    assert plane.job("turn-2")["exclusive"] == "deploy"
    plane.submit(noop("first-of-two"), noop("second-of-two", depends_on=["first-of-two"]))
    assert b"needs first-of-two" in plane.api.raw("/jobs/second-of-two")[0]
    plane.api.post("/v1/jobs/first-of-two/cancel", {})


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


def drop(plane: Fleet, light: Light, label: str) -> None:
    """Ends what is left of a test: what the agent holds goes with its session."""
    light.boot()
    light.held = {}
    light.beat()
    ask = {"action": "cancel", "where": {"label": label}}
    token = plane.api.post("/v1/bulk", {**ask, "dry_run": True})["token"]
    plane.api.post("/v1/bulk", {**ask, "token": token})


def test_a_limit_on_leases_is_kept_and_says_why(plane: Fleet) -> None:
    light = Light(plane.api, plane.port, "limited", slots=9)
    assert plane.cli("limit", "set", "gpu", "2").stdout == "limit gpu: 2 at a time\n"
    plane.submit(*(noop(f"gpu-{at}", limits=["gpu"], labels=["gpus"]) for at in range(4)))
    grants = take(light, 2)
    assert light.beat(want=9)[0] == ()
    assert plane.api.get("/v1/jobs/gpu-3/why")["summary"] == "limit gpu: 2 of 2 run"
    assert plane.job("gpu-3")["limits"] == ["gpu"]
    assert "limits     gpu" in plane.cli("job", "show", "gpu-3").stdout
    assert b"<dt>Limits</dt>" in plane.api.raw("/jobs/gpu-3")[0]
    (limit,) = plane.api.get("/v1/limits")
    assert (limit["name"], limit["most"], limit["live"], limit["room"]) == ("gpu", 2, 2, 0)
    assert "2 at a time  2" in plane.cli("limit", "list").stdout
    assert len(light.beat(done(grants[0]), want=9)[0]) == 1, "one ends, one begins, in one beat"
    assert plane.cli("limit", "remove", "gpu").stdout == "limit gpu is removed\n"
    take(light, 1)
    drop(plane, light, "gpus")


def test_a_limit_on_starts_is_kept_and_opens_by_itself(plane: Fleet) -> None:
    light = Light(plane.api, plane.port, "rated", slots=9)
    said = plane.cli("limit", "set", "--project", "shop", "--kind", "noop", "--rate", "2/2s")
    assert said.stdout == "limit project=shop,kind=noop: 2 starts in 2.0s\n"
    slow = plane.api.post("/v1/limits", {"key": "slow", "starts": 1, "seconds": 3_600})
    assert (slow["starts"], slow["seconds"], slow["opens"]) == (1, 3_600, None)
    plane.submit(*(noop(f"slow-{at}", labels=["rates"], limits=["slow"]) for at in range(2)))
    assert taken(plane, light, 1) == ["slow-0"]
    assert light.beat(want=9)[0] == ()
    why = plane.api.get("/v1/jobs/slow-1/why")["summary"]
    assert "limit slow: 1 of 1 began within 3600 s, the next may at 20" in why
    plane.submit(*(noop(f"rated-{at}", labels=["rates"]) for at in range(3)))
    take(light, 3)
    assert plane.cli("limit", "remove", "--project", "shop", "--kind", "noop").returncode == 0
    assert plane.cli("limit", "remove", "slow").returncode == 0
    assert plane.api.get("/v1/limits") == []
    drop(plane, light, "rates")


def test_an_agent_that_dies_gives_its_slot_back(traversable_tmp: Path) -> None:
    with Fleet(traversable_tmp, beat=0.2, lease=0.8) as fleet:
        fleet.api.post("/v1/limits", {"key": "gpu", "most": 1})
        fleet.submit(*(noop(f"gpu-{at}", limits=["gpu"]) for at in range(2)))
        dead, alive = (Light(fleet.api, fleet.port, name, slots=9) for name in ("dead", "alive"))
        (first,) = take(dead, 1)
        take(alive, 1)  # comes once the lease of the dead one has run out
        assert fleet.job(first.job)["losses"] >= 1
        assert fleet.api.get("/v1/limits")[0]["live"] <= 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"most": 1}, "a limit is about a key"),
        ({"key": "gpu"}, "a limit bounds live leases"),
        ({"key": "2", "most": 1}, "key: '2' is none"),
        ({"key": "gpu", "most": -1}, "most: expected 0 to"),
        ({"key": "gpu", "most": 1.5}, "most: expected a whole number"),
        ({"key": "gpu", "starts": 5}, "starts and seconds go together"),
        ({"key": "gpu", "starts": 0, "seconds": 5}, "starts: expected 1 to"),
        ({"kind": "odd", "most": 1}, "unknown kind 'odd'"),
        ({"project": "nowhere", "most": 1}, "unknown project 'nowhere'"),
        ({"surprise": 1}, "unknown field"),
    ],
    ids=str,
)
def test_a_limit_that_cannot_be_is_refused(plane: Fleet, body: dict[str, object], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        plane.api.post("/v1/limits", body)


def test_the_command_line_refuses_limits_that_make_no_sense(plane: Fleet) -> None:
    for words in (["set", "a", "b", "2"], ["set", "a", "--rate", "x"], ["remove"], ["remove", "none"], ["set", "2"]):
        assert plane.cli("limit", *words).returncode == 2, words


def test_shares_decide_between_projects_and_why_says_so(plane: Fleet) -> None:
    plane.project("other", plane.repo.path)
    light = Light(plane.api, plane.port, "sharing", slots=8)
    assert "share 3" in plane.cli("project", "share", "other", "3").stdout
    plane.submit(*(noop(f"mine-{at}", labels=["shares"], priority=9) for at in range(9)))
    plane.submit(*(noop(f"other-{at}", labels=["shares"]) for at in range(9)), project="other")
    # The first beat may come before the second batch is known; by the eighth lease it makes no difference.
    names = [name for _ in range(2) for name in taken(plane, light, 4)]
    mine = sum(name.startswith("mine") for name in names)
    assert 1 <= mine <= 4
    plane.api.post("/v1/projects/other/share", {"weight": 9})
    why = plane.api.get("/v1/jobs/mine-8/why")
    first = next(reason for reason in why["reasons"] if reason.get("project"))
    assert b"<strong>other</strong> comes before shop" in plane.api.raw("/jobs/mine-8")[0]
    assert first["reason"].startswith(f"comes before shop: {8 - mine} run for a share of 9, and ")
    drop(plane, light, "shares")
