"""What became of every job, by the control plane's own books: jobs, journal, what jobs wrote, its own check."""

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from chaos import effects
from chaos.asking import Ask
from chaos.fleet import Fleet
from chaos.load import Load, Tally
from chaos.words import say
from paddock.client import ClientError, NotFound

# Seconds for what is left to be done once all is well.
DRAIN_S = 180.0
_PAGE = 20_000
_OPEN = ("blocked", "ready", "leased")
# Connections of a replica to the store: one that writes, one that reads.
_LINKS = 2


@dataclass
class Findings:
    """Names of jobs by what is wrong with them, and what else there is to tell."""

    jobs: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    effects: int = 0
    # Rows of the journal by type.
    events: Counter[str] = field(default_factory=Counter)
    # Epoch seconds at which jobs were done, in order.
    done_at: list[float] = field(default_factory=list)
    # Connections to PostgreSQL that no living replica has.
    connections_left: int = 0


def drained(fleet: Fleet, load: Load, wait: Callable[[float], None]) -> bool:
    """Waits until nothing is left to be done, for at most DRAIN_S; whether it is so."""
    deadline = time.monotonic() + DRAIN_S
    ask = fleet.ask()
    while time.monotonic() < deadline:
        load.settle(load.doubts())
        with contextlib.suppress(ClientError):
            counts = ask.get("/v1/fleet")["jobs"]
            if load.quiet and not load.doubts() and not any(counts.get(state) for state in _OPEN):
                return True
        wait(0.5)
    return False


def audit(fleet: Fleet, tally: Tally) -> Findings:
    """Compares what was asked for with what became of it."""
    found = Findings(jobs=len(tally.offered))
    try:
        _compare(fleet, tally, found)
    except (ClientError, psycopg.Error, subprocess.TimeoutExpired) as error:
        found.stuck.append(f"the books cannot be read: {error}")
    return found


def _compare(fleet: Fleet, tally: Tally, found: Findings) -> None:
    ask = fleet.ask(timeout=60.0)
    there: dict[str, list[dict[str, Any]]] = {}
    for label in sorted(tally.labels):
        for job in ask.get("/v1/jobs", label=label, limit=_PAGE):
            there.setdefault(job["name"], []).append(job)
    say(f"audit: {sum(map(len, there.values())):,} jobs in the books, {found.jobs:,} asked for")
    accepted = _read_journal(ask, found)
    for name in tally.offered:
        judge(found, name, there.pop(name, []), tally.taken.get(name), accepted)
    # A name that nobody asked for would be the loader's own fault; it is not to be passed over.
    found.doubled += [f"{name}: nobody asked for it" for name in there]
    _look_at_effects(ask, tally, found)
    found.stuck += _own_checks(fleet)
    found.connections_left = _connections_left(fleet)


def judge(
    found: Findings, name: str, jobs: list[dict[str, Any]], told: str | None, accepted: Mapping[str, int]
) -> None:
    """Puts a job where it belongs: `jobs` are those of its name, `told` the id that it was taken under.

    `accepted` says how many outcomes of each id were accepted as done.
    """
    if not jobs:
        found.lost.append(f"{name}: {'taken as ' + told if told else 'never taken'}, and not there")
        return
    if len(jobs) > 1:
        found.doubled.append(f"{name}: is there as {', '.join(job['id'] for job in jobs)}")
    for job in jobs:
        times = accepted.get(job["id"], 0)
        if job["state"] in _OPEN:
            found.stuck.append(f"{name} ({job['id']}): {job['state']}")
        elif job["state"] != "done":
            found.lost.append(f"{name} ({job['id']}): {job['state']}, {job['reason']}")
        elif times != 1:
            (found.doubled if times else found.lost).append(f"{name} ({job['id']}): accepted {times} times")


def _read_journal(ask: Ask, found: Findings) -> dict[str, int]:
    """Reads the whole journal; how many outcomes of each job were accepted as done."""
    accepted: Counter[str] = Counter()
    after = 0
    while rows := ask.get("/v1/journal", after=after, limit=_PAGE):
        after = rows[-1]["seq"]
        for row in rows:
            found.events[row["type"]] += 1
            if row["type"] in ("attempt.done", "attempts.done"):
                jobs = row["data"].get("jobs") or [row["job"]]
                accepted.update(jobs)
                found.done_at += [row["at"] / 1_000] * len(jobs)
    found.done_at.sort()
    return accepted


def _look_at_effects(ask: Ask, tally: Tally, found: Findings) -> None:
    """Counts what jobs with effects wrote: each of their steps has to be there once."""
    for name, job in tally.taken.items():
        if not name.startswith("e"):
            continue
        found.effects += 1
        try:
            lines = ask.get(f"/v1/state/job/{job}/{effects.KEY}")
        except NotFound:
            lines = []
        if effects.doubled(lines):
            found.doubled.append(f"{name} ({job}): steps done twice, {lines}")
        if effects.missing(lines):
            found.lost.append(f"{name} ({job}): steps missing, {lines}")


def _own_checks(fleet: Fleet) -> list[str]:
    """What Paddock itself finds wrong: in the store, and in the journal by its chain and what agents witnessed."""
    env = {**os.environ, "PADDOCK_STORE": fleet.store.dsn()}
    witnesses = [word for path in fleet.witnesses() for word in ("--witness", str(path))]
    wrong = []
    for words in (["store", "check"], ["audit", "verify", "--keys", str(fleet.keys), *witnesses]):
        argv = [sys.executable, "-m", "paddock.cli.main", *words]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120)
        if done.returncode:
            wrong.append(f"paddock {words[0]} {words[1]}: {(done.stdout + done.stderr).strip()}")
    return wrong


def _connections_left(fleet: Fleet) -> int:
    with psycopg.connect(fleet.store.dsn(), connect_timeout=10) as link:
        row = link.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'paddock'").fetchone()
    return max(0, (row[0] if row else 0) - _LINKS * len(fleet.replicas))
