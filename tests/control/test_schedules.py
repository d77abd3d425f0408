"""Schedules over the API and the command line: they fire by themselves, once, also after a restart."""

import json
from pathlib import Path
from typing import Any

import pytest

from paddock.cli.api import Api
from paddock.control import schedules
from paddock.control.plane import Control
from paddock.control.submit import add_project
from paddock.core.errors import BadInput, Conflict, NotFound
from paddock.store.records import JobFilter
from support.fleet import Fleet
from support.signers import signer_of
from support.wait import wait_until

BATCH = {"project": "shop", "jobs": [{"id": "tick", "kind": "noop", "payload": {}}]}
MINUTE = 60_000


def fired(api: Api, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/v1/schedules/{name}")["firings"]
    return found


def test_a_schedule_fires_by_itself(plane: Fleet) -> None:
    made = plane.api.post("/v1/schedules", {"name": "beat", "every": 1, "batch": BATCH, "overlap": "queue"})
    wait_until(lambda: len(fired(plane.api, "beat")) >= 2, 30, what="two firings")
    paused = plane.api.post("/v1/schedules/beat/pause", {"paused": True, "by": "ann"})
    assert (paused["paused"], paused["next"]) == (True, None)
    firings = fired(plane.api, "beat")
    assert all((one["at"] - made["created"]) % 1_000 == 0 and one["batch"] for one in firings)
    jobs = [job for one in firings for job in plane.api.get("/v1/jobs", batch=one["batch"])]
    assert [job["name"] for job in jobs] == ["tick"] * len(firings)
    plane.api.post("/v1/bulk", {"action": "cancel", **_token(plane, {"project": "shop"})})


def _token(plane: Fleet, where: dict[str, str]) -> dict[str, Any]:
    asked = {"action": "cancel", "where": where}
    return {"where": where, "token": plane.api.post("/v1/bulk", {**asked, "dry_run": True})["token"], "slack": 9}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"every": 5, "cron": "* * * * *", "batch": BATCH}, "either cron or every"),
        ({"batch": BATCH}, "either cron or every"),
        ({"cron": "* * *", "batch": BATCH}, "five fields are expected"),
        ({"cron": "@daily", "tz": "Mars", "batch": BATCH}, "unknown time zone 'Mars'"),
        ({"every": 5}, "Expected `object`"),
        ({"every": 5, "batch": {**BATCH, "jobs": []}}, "a batch holds 1 to"),
        ({"every": 5, "batch": BATCH, "overlap": "pile"}, "overlap: 'pile' is none of"),
        ({"every": 0.5, "batch": BATCH}, "every: expected a number from 1"),
        ({"every": 5, "batch": BATCH, "name": "a b"}, "name: 'a b' is no name"),
        ({"every": 5, "batch": {**BATCH, "opens_after": {"batch": "b", "done": 1}}}, "wait for its times alone"),
    ],
    ids=str,
)
def test_a_schedule_that_cannot_be_is_refused(plane: Fleet, body: dict[str, object], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        plane.api.post("/v1/schedules", body)


def test_an_unknown_project_and_a_taken_name_are_refused(plane: Fleet) -> None:
    with pytest.raises(NotFound, match="unknown project 'nowhere'"):
        plane.api.post("/v1/schedules", {"every": 60, "batch": {**BATCH, "project": "nowhere"}})
    plane.api.post("/v1/schedules", {"name": "taken", "every": 3_600, "batch": BATCH})
    with pytest.raises(Conflict, match="there is a schedule 'taken'"):
        plane.api.post("/v1/schedules", {"name": "taken", "every": 3_600, "batch": BATCH})


def test_the_command_line_adds_lists_and_removes(plane: Fleet) -> None:
    path = plane.folder / "nightly.yaml"
    path.write_text("project: shop\njobs:\n- id: nightly\n  kind: noop\n  payload: {}\n")
    said = plane.cli("schedule", "add", "--cron", "30 2 * * *", "--tz", "Europe/Berlin", "--job", str(path))
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("schedule nightly: 30 2 * * * Europe/Berlin, next at ")
    assert "30 2 * * * Europe/Berlin" in plane.cli("schedule", "list").stdout
    assert plane.cli("schedule", "pause", "nightly").stdout.endswith("paused\n")
    assert json.loads(plane.cli("schedule", "resume", "nightly", "--json").stdout)["next"]
    assert "jobs        nightly" in plane.cli("schedule", "show", "nightly").stdout
    path.write_text("project: shop\njobs:\n- id: nightly\n  kind: odd\n")
    bad = plane.cli("schedule", "add", "--every", "1h", "--job", str(path))
    assert bad.returncode == 2 and f"{path}:4: " in bad.stderr
    assert plane.cli("schedule", "remove", "nightly").stdout.endswith("removed\n")
    assert plane.cli("schedule", "show", "nightly").returncode == 2


async def test_what_was_due_during_an_outage_is_made_good_once(tmp_path: Path) -> None:
    control = await Control.open(tmp_path, signer=signer_of(tmp_path))
    try:
        await add_project(control, {"name": "shop", "repo": "/srv/shop.git", "branch": "main"})
        made = await schedules.add(control, {"every": 60, "batch": BATCH})
    finally:
        await control.close()
    control = await Control.open(tmp_path, signer=signer_of(tmp_path))
    try:
        later = made.next_at + 500 * MINUTE + 7
        for _ in range(3):
            await schedules.fire(control, later)
        assert len(await control.store.jobs(JobFilter())) == 1
        assert (await control.store.schedule("tick")).next_at == made.next_at + 501 * MINUTE
        assert control.schedules_at == later + schedules.LOOK_MS, "nothing is asked before there is something to do"
    finally:
        await control.close()
