"""`./dev chaos queue`: many changes of one hot file, some of them red, and a branch that is green at every commit."""

import argparse
import contextlib
import json
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chaos.words import say
from paddock.core.errors import PaddockError
from support.fleet import ENDED, Fleet
from support.places import make_traversable, remove_tree
from support.repos import make_repo

EXAMPLE = """\
example: ./dev chaos queue --changes 40 --red 10 --batch 8

So many jobs change one file, each a line of its own; one in seven changes its neighbour's line, too, and conflicts. Of
so many percent the merged result is red, though the change by itself is green: they bring a number that another change
brings. Everything is approved at once. In the end the check is run on every commit of the branch's first-parent line.
"""
PROJECT, PATH = "hot", "hot.txt"
# A number that stands twice is red.
_CHECK = f"awk '/^slot/ && $4 != 0 && seen[$4]++ {{bad = 1}} END {{exit bad}}' {PATH}"
_PATIENCE_S = 900.0


@dataclass
class Found:
    """What the queue has to tell; times are seconds from the approval to the merge."""

    changes: int
    batch: int
    seed: int
    seconds: float = 0.0
    merged: int = 0
    failed: int = 0
    red: int = 0
    conflicts: int = 0
    merges: int = 0
    together: dict[int, int] = field(default_factory=dict)
    commits: int = 0
    wait_p50: float = 0.0
    wait_max: float = 0.0
    overtaken: int = 0
    wrong: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"ok": not self.wrong, **self.__dict__}


def main(words: list[str]) -> int:
    """Runs it and prints the figures; 0 when the branch was green throughout and nobody starved."""
    parser = argparse.ArgumentParser(
        "./dev chaos queue", description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--changes", type=int, default=40, help="how many; 40 when left out")
    parser.add_argument("--red", type=int, default=10, metavar="PERCENT", help="of them, red once merged; 10")
    parser.add_argument("--batch", type=int, default=8, help="most changes tested together; 8")
    parser.add_argument("--seed", type=int, help="decides which; a random one when left out")
    parser.add_argument("--json", action="store_true", help="nothing but the line of JSON on stdout")
    given = parser.parse_args(words)
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    say(f"{given.changes} changes, --seed {seed}")
    folder = make_traversable()
    try:
        with Fleet(folder, beat=0.5, lease=30.0) as fleet:
            for name in ("a1", "a2"):
                fleet.agent(name, slots=2)
            found = run(fleet, given.changes, given.red, given.batch, seed)
    finally:
        remove_tree(folder)
    if not given.json:
        print(table(found))
    print(json.dumps(found.plain()), flush=True)
    return 1 if found.wrong else 0


def run(fleet: Fleet, changes: int, red: int, batch: int, seed: int) -> Found:
    """All changes, from their jobs to the end of the queue, by the agents of the fleet."""
    found = Found(changes, batch, seed)
    slots = "".join(f"slot {n:03} = 0\n" + "-\n" * 4 for n in range(1, changes + 1))
    fleet.repo = make_repo(fleet.folder / PROJECT, 1, bare=True, files={PATH: slots})
    fleet.project(PROJECT, fleet.repo.path, [["sh", "-c", _CHECK]])
    fleet.api.post(f"/v1/projects/{PROJECT}/review", {"rules": {"batch": batch}, "by": "ann"})
    jobs = fleet.submit(*_jobs(random.Random(seed), changes, red), project=PROJECT)
    began = time.monotonic()
    _merge_all(fleet, jobs, found)
    found.seconds = round(time.monotonic() - began, 1)
    _audit(fleet, found)
    return found


def _jobs(dice: random.Random, changes: int, red: int) -> list[dict[str, Any]]:
    """One job for each slot; a red one brings the number of the slot before it."""
    bad = set(dice.sample(range(2, changes + 1, 2), changes * red // 100))
    out = []
    for n in range(1, changes + 1):
        edits = [f"s/^slot {n:03} = .*/slot {n:03} = {n - 1 if n in bad else n}/"]
        if n % 7 == 0 and n not in bad and n - 1 not in bad:
            edits.append(f"s/^slot {n - 1:03} = \\(.*\\)/slot {n - 1:03} = \\1 seen by {n}/")
        argv = ["sed", "-i", *(word for edit in edits for word in ("-e", edit)), PATH]
        out.append({"id": f"c{n:03}", "payload": {"argv": argv}, "max_attempts": 2})
    return out


def _merge_all(fleet: Fleet, jobs: dict[str, str], found: Found) -> None:
    """Approves all changes at once when the last is green, and later ones as they come, until every job has ended."""
    end = time.monotonic() + _PATIENCE_S
    began = False
    while time.monotonic() < end:
        states = {job["id"]: job["state"] for job in fleet.api.get("/v1/jobs", project=PROJECT, limit=1_000)}
        if all(states.get(job) in ENDED for job in jobs.values()):
            return
        green = [change["id"] for change in _changes(fleet, "open") if change["evidence"]]
        began = began or len(green) == len(jobs)
        for change in green if began else ():
            with contextlib.suppress(PaddockError):  # closed meanwhile
                fleet.approve(change)
        if not began:
            time.sleep(0.2)
    found.wrong.append("the queue did not come to an end in time")


def _changes(fleet: Fleet, state: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = fleet.api.get("/v1/changes", state=state, project=PROJECT, limit=1_000)
    return listed


def _audit(fleet: Fleet, found: Found) -> None:
    states = Counter(job["state"] for job in fleet.api.get("/v1/jobs", project=PROJECT, limit=1_000))
    found.merged, found.failed = states["done"], states["failed"]
    found.red, found.conflicts = len(_changes(fleet, "red")), len(_changes(fleet, "conflicted"))
    found.wrong += [f"{count} jobs are {state}" for state, count in states.items() if state not in ("done", "failed")]
    _look_at_branch(fleet, found)
    journal: list[dict[str, Any]] = []
    while rows := fleet.api.get("/v1/journal", after=journal[-1]["seq"] if journal else 0, limit=5_000):
        journal += rows
    _look_at_merges(fleet, found)
    _look_at_waits(journal, found)


def _look_at_branch(fleet: Fleet, found: Found) -> None:
    """Runs the check on every commit of the branch's own line."""
    for commit in fleet.repo.git("rev-list", "--first-parent", "main").split():
        found.commits += 1
        text = fleet.repo.git("show", f"{commit}:{PATH}")
        numbers = [line.split()[3] for line in text.splitlines() if line.startswith("slot")]
        twice = [number for number, times in Counter(numbers).items() if number != "0" and times > 1]
        found.wrong += [f"red: {commit[:12]} has {', '.join(twice)} twice"] if twice else []


def _look_at_merges(fleet: Fleet, found: Found) -> None:
    merges = fleet.api.get("/v1/jobs", project=PROJECT, kind="change.merge", system=1, limit=1_000)
    sizes: Counter[int] = Counter()
    for merge in merges:
        for attempt in fleet.job(merge["id"])["attempts"]:
            result = attempt["result"] or {}
            sizes[len(result.get("took") or ()) or int("merged" in result)] += 1
    found.merges, found.together = sum(sizes.values()), dict(sorted(sizes.items()))


def _look_at_waits(journal: list[dict[str, Any]], found: Found) -> None:
    """How long each waited from its approval, and how many that were approved later came before it."""
    asked: dict[str, int] = {}
    waits: list[float] = []
    order: list[str] = []
    for event in journal:
        change = event["data"].get("change")
        if event["type"] == "change.approved":
            asked[change] = event["at"]
        if event["type"] == "change.merged":
            waits.append((event["at"] - asked[change]) / 1_000)
            order.append(change)
    ranks = {change: at for at, change in enumerate(sorted(order, key=lambda change: asked[change]))}
    found.overtaken = max((sum(ranks[o] > ranks[c] for o in order[:at]) for at, c in enumerate(order)), default=0)
    found.wait_p50, found.wait_max = round(statistics.median(waits or [0]), 1), round(max(waits, default=0), 1)


def table(found: Found) -> str:
    """The figures as people read them."""
    together = ", ".join(f"{count} of {size}" for size, count in found.together.items())
    lines = [
        f"{found.changes} changes of one file in {found.seconds:.0f} s: {found.merged} merged, {found.failed} given up",
        f"sent back: {found.red} red, {found.conflicts} in conflict",
        f"{found.merges} merge runs, by changes merged: {together}",
        f"{found.commits} commits on the branch, each green" if not found.wrong else "; ".join(found.wrong),
        f"from approval to merge: median {found.wait_p50} s, longest {found.wait_max} s; at most {found.overtaken} "
        "that were approved later came before one",
    ]
    return "\n".join(lines)
