"""Watching a batch until nothing in it moves any more."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from paddock.cli.api import Api, at
from paddock.core.states import FINAL, JobState

# Seconds between two looks, for few jobs and for many.
LOOK, LOOK_MANY = 0.25, 2.0
MANY = 500
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
        """Whether every job is final, or blocked behind jobs that ended badly."""
        states = {job["state"] for job in self.jobs}
        return states <= FINAL or (states <= FINAL | {JobState.BLOCKED} and bool(states & _UNWELL) and self._stuck())

    def _stuck(self) -> bool:
        """Whether each blocked job waits for one that ended badly, itself or through others."""
        dead = {job["id"] for job in self.jobs if job["state"] in _UNWELL}
        blocked = {job["id"]: self.needs(job) for job in self.jobs if job["state"] == JobState.BLOCKED}
        while True:
            more = {job for job, needs in blocked.items() if job not in dead and dead & set(needs)}
            if not more:
                return set(blocked) <= dead
            dead |= more

    def needs(self, job: dict[str, Any]) -> list[str]:
        """The ids that a job waits for."""
        return [need["id"] for need in self._api.get(at("jobs", job["id"]))["depends_on"]]

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
