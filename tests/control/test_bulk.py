"""Actions on many jobs: counted, agreed to, done, told once."""

import json

import pytest

from paddock.core.errors import BadInput, Conflict
from support.fleet import Fleet
from support.light import Light


def submit(plane: Fleet, label: str, count: int) -> list[str]:
    jobs = [{"id": f"{label}-{at}", "kind": "noop", "payload": {}, "labels": [label]} for at in range(count)]
    return list(plane.submit(*jobs).values())


def test_many_jobs_are_counted_and_then_cancelled(plane: Fleet) -> None:
    jobs = submit(plane, "many", 450)
    light = Light(plane.api, plane.port, "bulk", slots=1)
    (runs,), _ = light.beat(want=1)
    ask = {"action": "cancel", "where": {"label": "many", "project": "shop"}}
    counted = plane.api.post("/v1/bulk", {**ask, "dry_run": True})
    assert counted["count"] == 450
    done = plane.api.post("/v1/bulk", {**ask, "token": counted["token"], "by": "ann"})
    assert (done["count"], done["done"]) == (450, 450)
    assert {plane.job(job)["state"] for job in jobs[-3:]} == {"cancelled"}
    _, directive = light.beat()
    assert directive is not None and [stop.job for stop in directive.stops] == [runs.job]
    told = [
        event["data"] for event in plane.api.get("/v1/journal", after=-1, limit=2_000) if event["type"] == "jobs.bulk"
    ]
    assert [(one["action"], one["count"], one["by"]) for one in told] == [("cancel", 450, "ann")]


def test_a_count_that_no_longer_holds_stops_the_action(plane: Fleet) -> None:
    jobs = submit(plane, "moved", 3)
    ask = {"action": "park", "where": {"label": "moved"}}
    token = plane.api.post("/v1/bulk", {**ask, "dry_run": True})["token"]
    plane.api.post(f"/v1/jobs/{jobs[0]}/cancel", {})
    submit(plane, "moved", 2)
    with pytest.raises(Conflict, match="2 jobs now, 3 when they were counted"):
        plane.api.post("/v1/bulk", {**ask, "token": token})
    done = plane.api.post("/v1/bulk", {**ask, "token": token, "slack": 1})
    assert done["done"] == 2, "jobs that were submitted after the count are not among them"
    assert plane.job(jobs[1])["state"] == "parked"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"action": "explode"}, "unknown action 'explode'"),
        ({"action": "cancel"}, "where is empty"),
        ({"action": "cancel", "where": {"colour": "red"}}, "unknown field 'colour'"),
        ({"action": "cancel", "where": {"state": "odd"}}, "no state 'odd'"),
        ({"action": "cancel", "where": {"state": "done"}}, "cancel makes no sense for jobs that are done"),
        ({"action": "retry", "where": {"project": "shop"}}, "token: not of a count"),
        ({"action": "retry", "where": {"project": "shop"}, "token": "9.j.0"}, "token: not of a count"),
        ({"action": "priority", "where": {"project": "shop"}, "priority": 11}, "priority: expected a number"),
        ({"action": "retry", "where": {"older_than": -1}}, "older_than: expected a number"),
    ],
    ids=str,
)
def test_an_action_that_makes_no_sense_is_refused(plane: Fleet, body: dict[str, object], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        plane.api.post("/v1/bulk", body)


def test_a_token_is_good_for_what_was_counted(plane: Fleet) -> None:
    submit(plane, "bound", 1)
    token = plane.api.post("/v1/bulk", {"action": "park", "where": {"label": "bound"}, "dry_run": True})["token"]
    with pytest.raises(BadInput, match="token"):
        plane.api.post("/v1/bulk", {"action": "cancel", "where": {"label": "bound"}, "token": token})


def test_the_command_line_counts_asks_and_acts(plane: Fleet) -> None:
    jobs = submit(plane, "typed", 2)
    assert plane.cli("jobs", "cancel", "--label", "typed", "--dry-run").stdout == "cancel: 2 jobs\n"
    asked = plane.cli("jobs", "cancel", "--label", "typed")
    assert asked.returncode == 2 and "nobody is here to ask" in asked.stderr
    done = plane.cli("jobs", "priority", "--to", "9", "--label", "typed", "--yes", "--json")
    assert json.loads(done.stdout)["done"] == 2 and plane.job(jobs[0])["priority"] == 9
    assert plane.cli("jobs", "cancel", "--label", "typed", "--yes").stdout == "cancel: 2 of 2 jobs\n"
    assert plane.cli("jobs", "retry", "--label", "none", "--yes").stdout == "retry: 0 jobs\n"
    assert len(json.loads(plane.cli("jobs", "--label", "typed", "--json").stdout)) == 2
    assert plane.cli("jobs", "--yes").returncode == 2
