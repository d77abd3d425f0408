"""Watching a batch until nothing in it moves any more."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from paddock.cli.api import Api, at
from paddock.core.states import FINAL, JobState

# Seconds between two looks, for few jobs and for many.
LOOK, LOOK_MANY = 0.25, 2.0
MANY = 500
# Jobs of another batch that are looked through.
MOST = 20_000
_UNWELL = frozenset(FINAL - {JobState.DONE})


class Watch:
    """The jobs of one batch as last seen; says each move in one line. `also` are jobs of other batches."""

    def __init__(self, api: Api, batch: str, count: int, say: Callable[[str], None], also: Sequence[str] = ()) -> None:
        self._api = api
        self._batch = batch
        self._count = count
        self._say = say
        self._also = also
        self._said: dict[str, str] = {}
        self._doomed: set[str] = set()
        self.jobs: list[dict[str, Any]] = []

    def look(self) -> None:
        """Reads the jobs anew and says what moved."""
        found = self._api.get("/v1/jobs", batch=self._batch, limit=max(1, self._count))
        found += [self._api.get(at("jobs", job)) for job in self._also]
        self.jobs = sorted(found, key=lambda job: str(job["id"]))
        for job in self.jobs:
            state = job["state"]
            old = self._said.get(job["id"])
            if old != state and (old is not None or state not in ("ready", "blocked")):
                self._say(f"{job['name']}: {describe(job)}")
            self._said[job["id"]] = state

    def until_ended(self, seconds: float | None) -> bool:
        """Looks until every job has ended or waits for one that never will; False when `seconds` were not enough."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            self.look()
            if self.ended():
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(LOOK if self._count <= MANY else LOOK_MANY)

    def ended(self) -> bool:
        """Whether every job is final, or blocked behind what ended badly and so will never start."""
        states = {job["state"] for job in self.jobs}
        if states <= FINAL:
            return True
        if not states <= FINAL | {JobState.BLOCKED}:
            return False
        self._doomed.clear()
        known = {job["id"]: job for job in self.jobs}
        return all(self._never(job, known) for job in self.jobs if job["state"] == JobState.BLOCKED)

    def _never(self, job: dict[str, Any], known: dict[str, dict[str, Any]]) -> bool:
        """Whether a job waits for one that ended badly, itself or through others, of whatever batch."""
        if job["state"] != JobState.BLOCKED:
            return job["state"] in _UNWELL
        if job["id"] in self._doomed:
            return True
        reasons = self._api.get(at("jobs", job["id"], "why"))["reasons"]
        if any(self._never(self._job(reason["job"], known), known) for reason in reasons if "job" in reason) or any(
            self._stays_shut(reason["batch"], reason["opens_at"]) for reason in reasons if "batch" in reason
        ):
            self._doomed.add(job["id"])
        return job["id"] in self._doomed

    def _job(self, ref: str, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
        if ref not in known:
            known[ref] = self._api.get(at("jobs", ref))
        return known[ref]

    def _stays_shut(self, batch: str, least: int) -> bool:
        """Whether too many jobs of a batch have ended badly for it to open the next one."""
        jobs = self._api.get("/v1/jobs", batch=batch, limit=MOST)
        return len(jobs) < MOST and sum(job["state"] not in _UNWELL for job in jobs) < least

    def not_well(self) -> list[dict[str, Any]]:
        """The jobs that are not done."""
        return [job for job in self.jobs if job["state"] != JobState.DONE]

    def why(self, job: dict[str, Any]) -> str:
        """Why a job stands where it stands, in one line."""
        summary: str = self._api.get(at("jobs", job["id"], "why"))["summary"]
        return summary.removeprefix(f"it is {job['state']}: ")


def describe(job: dict[str, Any]) -> str:
    """A job's state in words."""
    if job["state"] == JobState.LEASED:
        return f"runs on {job['agent']}" + (f", attempt {job['attempt']}" if job["attempt"] > 1 else "")
    words = {JobState.IN_REVIEW: "in review", JobState.CHANGES_REQUESTED: "sent back"}
    said = words.get(job["state"], str(job["state"]))
    return f"{said}: {' '.join(job['reason'].split())}" if job.get("reason") and job["state"] != JobState.DONE else said
