"""Drives a demo: submits, plays the human at the gate, and ends when nothing can move any more."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paddock.cli.api import at
from paddock.cli.demo_input import Task
from paddock.cli.demo_truth import Truth, look
from paddock.cli.demo_view import View
from paddock.cli.local_fleet import LocalFleet
from paddock.core.errors import PaddockError, Unreachable
from paddock.core.states import CLAIMABLE, FINAL, ChangeState, JobState

HUMAN = "demo"
ONLY_A_PERSON = ["no person has approved it"]
LOOK = 0.2
# Seconds without any move and without a run after which what is left counts as stuck.
STALL = 30.0
# Looks in a row that must find nothing to wait for: one may fall between two transactions.
QUIET_LOOKS = 3
LIMIT = 20_000


@dataclass(kw_only=True)
class Result:
    """How a demo ended; `truth` is what git says."""

    task: Task
    page: str
    seconds: float
    jobs: list[dict[str, Any]]
    truth: Truth
    approved: int
    waiting: int
    problems: list[dict[str, str]] = field(default_factory=list)

    @property
    def repo(self) -> str:
        return self.task.repo

    def count(self, *states: JobState) -> int:
        """Jobs in these states."""
        return sum(job["state"] in states for job in self.jobs)

    @property
    def exit_code(self) -> int:
        """1 when anything failed, was lost or took effect twice."""
        return 1 if self.problems or self.truth.lost or self.truth.double_effects else 0

    def summary(self) -> str:
        """One line for people."""
        said = [f"{self.count(JobState.DONE)} of {len(self.jobs)} jobs done", f"{self.truth.merged} merged"]
        said += [f"{self.waiting} wait for a person"] if self.waiting else []
        said += [f"{self.truth.lost} lost, {self.truth.double_effects} double effects, {self.seconds:.1f} s"]
        return ", ".join(said)

    def as_json(self, home: Path | None) -> str:
        """One line for programs."""
        ended_badly = FINAL - {JobState.DONE}
        return json.dumps(
            {
                "jobs": len(self.jobs),
                "done": self.count(JobState.DONE),
                "merged": self.truth.merged,
                "lost": self.truth.lost,
                "double_effects": self.truth.double_effects,
                "seconds": round(self.seconds, 3),
                "failed": self.count(*ended_badly),
                "blocked": self.count(JobState.BLOCKED),
                "approved": self.approved,
                "waiting": self.waiting,
                "project": self.task.project,
                "repo": self.task.repo,
                "branch": self.task.branch,
                "base": self.task.base,
                "tip": self.truth.tip,
                "page": self.page,
                "home": str(home) if home else None,
                "problems": self.problems,
            }
        )


class Demo:
    """One run of a demo on a fleet that is up."""

    def __init__(self, fleet: LocalFleet, task: Task, *, approve: bool, say: Callable[[str], None], live: bool) -> None:
        self._fleet = fleet
        self._api = fleet.api
        self._task = task
        self._approve = approve
        self._view = View(say, live=live)
        self._approved: set[str] = set()
        self._moved = time.monotonic()
        self._seen: object = None
        self._quiet = 0
        self._requires: dict[str, set[str]] = {}
        self.jobs: list[dict[str, Any]] = []
        self._system: list[dict[str, Any]] = []
        self._changes: list[dict[str, Any]] = []

    def run(self) -> Result:
        """From the submit to the look into git."""
        task, started = self._task, time.monotonic()
        self._api.post(
            "/v1/projects", {"name": task.project, "repo": task.repo, "branch": task.branch, "checks": task.checks}
        )
        batch = self._api.post("/v1/jobs", task.batch)
        self._view.say(f"watch it at {self._api.server}/")
        if self._approve:
            self._view.say(f"nobody sits at the gate here: the demo itself approves, as {HUMAN!r}")
        with self._view:
            while self._step(batch["batch"]):
                time.sleep(LOOK)
        seconds = time.monotonic() - started
        details = [self._api.get(at("jobs", job["id"])) for job in self.jobs]
        return Result(
            task=task,
            page=f"{self._api.server}/",
            seconds=seconds,
            jobs=self.jobs,
            truth=look(task, details, {made["id"] for made in batch["jobs"]}),
            approved=len(self._approved),
            waiting=self._waiting(),
            problems=self._problems(),
        )

    def _step(self, batch: str) -> bool:
        """One look and what follows from it; whether there is more to come."""
        self._fleet.tend()
        if self._fleet.given_up():
            raise PaddockError("the fleet cannot run", hint=f"logs: {self._fleet.logs()}")
        try:
            self._look(batch)
            if self._approve:
                self._play_the_human()
        except Unreachable:
            # The control plane was started anew; `tend` has said so.
            return True
        self._view.show(self.jobs, self._changes)
        self._quiet = 0 if self._moving() else self._quiet + 1
        return self._quiet < QUIET_LOOKS

    def _look(self, batch: str) -> None:
        every = self._api.get("/v1/jobs", system=1, limit=LIMIT)
        self._changes = self._api.get("/v1/changes", limit=LIMIT)
        self.jobs = sorted((job for job in every if job["batch"] == batch), key=lambda job: str(job["id"]))
        self._system = [job for job in every if job["batch"] != batch]
        seen = [(job["id"], job["state"], job["epoch"]) for job in every]
        if seen != self._seen:
            self._seen, self._moved = seen, time.monotonic()

    def _play_the_human(self) -> None:
        for change in self._changes:
            if change["state"] != ChangeState.OPEN or change["id"] in self._approved:
                continue
            if self._api.get(at("changes", change["id"], "gate"))["reasons"] == ONLY_A_PERSON:
                self._api.post(at("changes", change["id"], "approve"), {"by": HUMAN, "note": "approved by the demo"})
                self._approved.add(change["id"])
                self._view.say(f"{HUMAN} approves {change['name']} (+{change['added']} -{change['removed']})")

    def _moving(self) -> bool:
        """Whether anything runs, or may still start."""
        every = self.jobs + self._system
        if any(job["state"] == JobState.LEASED for job in every):
            self._moved = time.monotonic()
            return True
        claimable = any(job["state"] in CLAIMABLE and self._someone_can(job) for job in every)
        merging = any(change["state"] == ChangeState.APPROVED for change in self._changes)
        return (claimable or merging) and time.monotonic() - self._moved < STALL

    def _someone_can(self, job: dict[str, Any]) -> bool:
        """Whether any agent has what a job requires; while none is there yet, one may come."""
        if job["id"] not in self._requires:
            self._requires[job["id"]] = set(self._api.get(at("jobs", job["id"]))["requires"])
        wanted = self._requires[job["id"]]
        agents = self._api.get("/v1/agents") if wanted else []
        return not agents or any(wanted <= set(agent["capabilities"]) for agent in agents)

    def _waiting(self) -> int:
        """Changes that wait for a person."""
        return sum(change["state"] == ChangeState.OPEN for change in self._changes)

    def _problems(self) -> list[dict[str, str]]:
        """The jobs that did not end well, with why; those that only wait for a person are none."""
        open_jobs = {change["job"] for change in self._changes if change["state"] == ChangeState.OPEN}
        found = []
        for job in self.jobs:
            waits = not self._approve and (job["id"] in open_jobs or self._waits_behind(job, open_jobs))
            if job["state"] != JobState.DONE and not waits:
                why = self._why(job)
                found.append({"job": job["id"], "name": job["name"], "state": job["state"], "why": why})
        return found

    def _why(self, job: dict[str, Any]) -> str:
        """Why a job stands where it stands, with what its last attempt said of itself."""
        why = str(self._api.get(at("jobs", job["id"], "why"))["summary"]).removeprefix(f"it is {job['state']}: ")
        attempts = self._api.get(at("jobs", job["id"]))["attempts"]
        last = attempts[-1] if attempts and attempts[-1]["state"] == job["state"] else {}
        if last.get("detail") and last["detail"] not in why:
            return f"{why}: {last['detail']}"
        return f"{why} {last['exit_code']}" if last.get("exit_code") else why

    def _waits_behind(self, job: dict[str, Any], open_jobs: set[str]) -> bool:
        """Whether a blocked job waits, through others or not, for nothing but changes that wait for a person."""
        if job["state"] != JobState.BLOCKED:
            return False
        states = {other["id"]: other for other in self.jobs}
        needs = [need for need in self._api.get(at("jobs", job["id"]))["depends_on"] if need["state"] != JobState.DONE]
        return all(need["id"] in open_jobs or self._waits_behind(states[need["id"]], open_jobs) for need in needs)
