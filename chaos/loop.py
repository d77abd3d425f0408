"""`./dev chaos loop`: work under kill -9 at every step from a submission to a merge, and where each byte is then."""

import argparse
import json
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chaos.loop_books import Books, broken
from chaos.loop_jobs import CHECKS, PROJECT, RULES, People
from chaos.loop_kills import AGENTS, SLOTS, Killer
from chaos.words import say
from support.chaos import merges
from support.fleet import Fleet
from support.places import make_traversable, remove_tree
from support.repos import make_repo

EXAMPLE = """\
example: ./dev chaos loop --kills 200 --seed 7

A control plane, three agents and a repository; jobs are submitted, reviewed, mended, approved, rejected, cancelled and
merged all the while. At random moments an agent, the control plane, a run or a git process below an agent is killed
with -9 and started again. What lies in the worktrees is noted after each kill. In the end every byte of it must be
reachable from a ref or lie in a folder that is kept, no change is merged twice, and git finds both sides whole.
"""
BEAT_S, LEASE_S = 0.5, 3.0
_TELL = 50
_DRAIN_S = 900.0


@dataclass
class Found:
    """What a run of the loop has to tell; `wrong` is empty when all is well."""

    seed: int
    seconds: float = 0.0
    kills: Counter[str] = field(default_factory=Counter)
    files: int = 0
    where: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    merged: int = 0
    jobs: int = 0
    wrong: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"ok": not self.wrong, **self.__dict__}


def main(words: list[str]) -> int:
    """Runs it and prints the figures; 0 when every byte was found."""
    parser = argparse.ArgumentParser(
        "./dev chaos loop", description="Kills.", epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=1_000, help="how many; 1000 when left out")
    parser.add_argument("--minutes", type=float, default=60.0, help="ends after so long whatever is left; 60")
    parser.add_argument("--seed", type=int, help="decides who is killed; a random one when left out")
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look at it")
    parser.add_argument("--json", action="store_true", help="nothing but the line of JSON on stdout")
    given = parser.parse_args(words)
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    say(f"{given.kills} kills, --seed {seed}")
    found = run(given.kills, given.minutes * 60, seed, keep=given.keep)
    if not given.json:
        print(table(found))
    print(json.dumps(found.plain()), flush=True)
    return 1 if found.wrong else 0


def run(kills: int, seconds: float, seed: int, *, keep: bool = False) -> Found:
    """Kills, then waits until nothing is left to be saved, then looks for every byte."""
    folder = make_traversable()
    found = Found(seed)
    try:
        with Fleet(folder, beat=BEAT_S, lease=LEASE_S) as fleet:
            _run(fleet, kills, seconds, seed, found)
    finally:
        if keep:
            say(f"kept: {folder}")
        else:
            remove_tree(folder)
    return found


def _run(fleet: Fleet, kills: int, seconds: float, seed: int, found: Found) -> None:
    repo = fleet.repo = make_repo(fleet.folder / "loop", 1, bare=True, files={"w-first.txt": "fine\n"})
    fleet.project(PROJECT, repo.path, CHECKS)
    fleet.api.post(f"/v1/projects/{PROJECT}/review", {"rules": RULES, "by": "ann"})
    for number in range(AGENTS):
        fleet.agent(f"a{number + 1}", slots=SLOTS)
    books, people, killer, dice = Books(fleet), People(fleet, seed), Killer(fleet, seed), random.Random(seed)
    people.start()
    began = time.monotonic()
    done = 0
    try:
        while done < kills and time.monotonic() - began < seconds:
            time.sleep(dice.expovariate(4))  # at random moments is what this is about
            books.look()
            done += bool(killer.strike())
            books.look()
            killer.check()
            if done and done % _TELL == 0:
                say(f"{done} kills, {people.submitted} jobs, {len(books.seen)} files, {dict(killer.count)}")
        people.feeding = False
        _drain(fleet, books, killer, found)
    finally:
        people.stop()
    found.seconds = round(time.monotonic() - began, 1)
    found.kills, found.jobs = killer.count, people.submitted
    _audit(fleet, books, found)


def _drain(fleet: Fleet, books: Books, killer: Killer, found: Found) -> None:
    """Waits until nobody runs anything and no worktree of a dead run is left to be saved."""
    say("waiting until everything is saved")
    end = time.monotonic() + _DRAIN_S
    while time.monotonic() < end:
        books.look()
        killer.check()
        live = [job for state in ("leased", "ready", "changes_requested") for job in _jobs(fleet, state)]
        left = [path.name for path in (fleet.work / "jobs").iterdir() if not path.name.startswith(".")]
        if not live and not left:
            return
        time.sleep(0.5)
    found.wrong += [f"still {job['state']}: {job['name']} ({job['reason']})" for job in live][:10]
    found.wrong += [f"not cleared away: {name}" for name in left][:10]


def _jobs(fleet: Fleet, state: str | None) -> list[dict[str, Any]]:
    listed = []
    for system in (0, 1):
        listed += fleet.api.get("/v1/jobs", project=PROJECT, state=state, system=system, limit=20_000)
    return list({job["id"]: job for job in listed}.values())


def _audit(fleet: Fleet, books: Books, found: Found) -> None:
    found.files = len(books.seen)
    found.where, lost = books.close()
    found.wrong += [f"lost: {one}" for one in lost]
    found.states = Counter(job["state"] for job in fleet.api.get("/v1/jobs", project=PROJECT, limit=20_000))
    for git_dir in (fleet.repo.path, *(fleet.work / "repos").glob("*/git")):
        said = broken(git_dir)
        found.wrong += [f"git fsck {git_dir.name}: {said}"] if said else []
    merged = Counter(merges(fleet))
    found.merged = len(merged)
    found.wrong += [f"merged {times} times: {job}" for job, times in merged.items() if times > 1]
    told = {one["job"] for one in fleet.api.get("/v1/changes", state="merged", project=PROJECT, limit=20_000)}
    found.wrong += [f"told as merged and is not: {job}" for job in told - set(merged)]
    assert fleet.control is not None
    fleet.control.send(signal.SIGTERM)
    fleet.control.popen.wait(30)
    checked = fleet.cli("store", "check")
    found.wrong += [f"paddock store check: {checked.stdout}{checked.stderr}"] if checked.returncode else []


def table(found: Found) -> str:
    """The figures as people read them."""
    kills = ", ".join(f"{count} {kind}" for kind, count in found.kills.most_common())
    where = ", ".join(f"{count:,} {place}" for place, count in found.where.most_common())
    lines = [
        f"{sum(found.kills.values()):,} kills in {found.seconds:.0f} s: {kills}",
        f"{found.jobs:,} jobs: {', '.join(f'{count} {state}' for state, count in found.states.most_common())}",
        f"{found.merged:,} changes merged, each once",
        f"{found.files:,} files were seen in worktrees: {where}",
        *(["nothing is lost"] if not found.wrong else found.wrong[:30]),
    ]
    return "\n".join(lines)
