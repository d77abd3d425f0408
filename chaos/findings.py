"""`./dev chaos findings`: planted defects, reviewers that find them, a fixer that lies, and what reaches the branch."""

import argparse
import json
import random
import time
from collections.abc import Sequence
from typing import Any

from chaos.findings_audit import audit
from chaos.findings_defects import CHECKS, CLEAN, PROJECT, job, plant, rules
from chaos.findings_report import Found, table
from chaos.words import say
from paddock.core.errors import PaddockError
from support.fleet import Fleet
from support.places import make_traversable, remove_tree
from support.repos import make_repo

EXAMPLE = """\
example: ./dev chaos findings --defects 30 --seed 7

Jobs write changes with three defects each: keys, files that nobody may touch, copies of whole libraries, imports that
nobody uses, shells that run what they are told, files that nobody closes. Paddock's own reviewers, ruff and a reviewer
of the project's find them. A fixer mends each with so many percent, else does nothing or writes something that mends
nothing; it always says that it is done. Every tenth defect is beyond it. One person approves what nothing else stands
in the way of; another one approves what has open findings, and so does the agent that wrote it. In the end each commit
of the branch's own line is looked through for the defects, and each that is left must be listed as open.
"""
APPROVER, HASTY = "ann", "bob"
NOBODY_YET = "no person has approved it"
_PATIENCE_S, _SOON_S, _TELL_S = 600.0, 0.3, 5.0
_LIVE = ("blocked", "ready", "leased", "changes_requested")


def main(words: list[str]) -> int:
    """Runs it and prints the figures; 0 when nothing unmended was merged or lost from sight."""
    parser = argparse.ArgumentParser(
        "./dev chaos findings",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--defects", type=int, default=30, help="how many, three to a change; 30 when left out")
    parser.add_argument("--right", type=int, default=80, metavar="PERCENT", help="of its tries the fixer is right; 80")
    parser.add_argument("--seed", type=int, help="decides which and when; a random one when left out")
    parser.add_argument("--json", action="store_true", help="nothing but the line of JSON on stdout")
    given = parser.parse_args(words)
    if given.defects < 1 or not 0 <= given.right <= 100:
        parser.error("at least one defect, and 0 to 100 percent")
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    say(f"{given.defects} defects, --seed {seed}")
    folder = make_traversable()
    try:
        with Fleet(folder, beat=0.5, lease=30.0) as fleet:
            for name in ("a1", "a2"):
                fleet.agent(name, slots=2)
            found = run(fleet, given.defects, given.right, seed)
    finally:
        remove_tree(folder)
    if not given.json:
        print(table(found))
    print(json.dumps(found.plain()), flush=True)
    return 1 if found.wrong else 0


def run(fleet: Fleet, defects: int, right: int, seed: int) -> Found:
    """From the first job until nothing moves any more, by the agents of the fleet, and then the audit."""
    planted = {f"x{at + 1:02}": some for at, some in enumerate(plant(random.Random(seed), defects))}
    found = Found(defects, len(planted), right, seed)
    fleet.repo = make_repo(fleet.folder / PROJECT, 1, bare=True, files=CLEAN)
    fleet.project(PROJECT, fleet.repo.path, CHECKS)
    hard = [one.path for some in planted.values() for one in some if one.hard]
    body = {"rules": rules(seed, right / 100, hard), "by": APPROVER}
    fleet.api.post(f"/v1/projects/{PROJECT}/review", body)
    began = time.monotonic()
    fleet.submit(*(job(name, some) for name, some in planted.items()), project=PROJECT)
    _go_on(fleet, found)
    audit(fleet, planted, found)
    found.seconds = round(time.monotonic() - began, 1)
    return found


def _go_on(fleet: Fleet, found: Found) -> None:
    """People look at what is open until nobody has anything to do any more."""
    end, told = time.monotonic() + _PATIENCE_S, 0.0
    while time.monotonic() < end:
        jobs = fleet.api.get("/v1/jobs", project=PROJECT, system=1, limit=5_000)
        listed = fleet.api.get("/v1/changes", project=PROJECT, limit=1_000)
        changes = [fleet.api.get(f"/v1/changes/{one['id']}") for one in listed]
        decided = [change for change in changes if change["state"] == "open" and _decide(fleet, change, found)]
        if time.monotonic() - told > _TELL_S:
            told = time.monotonic()
            say(_progress(changes, found))
        # What ends a job submits the next one; so what was at rest before people looked stays at rest.
        if not decided and not any(job["state"] in _LIVE for job in jobs):
            return
        time.sleep(_SOON_S)
    found.wrong.append("the loop did not come to an end in time")


def _decide(fleet: Fleet, change: dict[str, Any], found: Found) -> bool:
    """One approves what nothing else stands in the way of; another one, and the author, approve what is not mended."""
    review = change["review"]
    if change["gate"]["reasons"] == [NOBODY_YET]:
        _approve(fleet, change, APPROVER)
        return True
    if not (review["reviewed"] and review["blocking"]) or HASTY in change["approved_by"]:
        return False
    for who in (change["authors"][0], HASTY):
        said = _approve(fleet, change, who)
        if said.startswith("merges"):
            found.wrong.append(f"{change['name']} has an open finding and was approved by {who}: {said}")
        whose = "another person" if who == HASTY else "the author"
        found.refused.setdefault(f"{whose} {'after' if review['stop'] else 'during'} the rounds", said)
    return True


def _approve(fleet: Fleet, change: dict[str, Any], who: str) -> str:
    """What comes of it, in words."""
    try:
        after = fleet.api.post(f"/v1/changes/{change['id']}/approve", {"by": who, "note": "read"})
    except PaddockError as error:
        return error.message
    return "; ".join(after["gate"]["reasons"]) if after["state"] == "open" else f"merges: {after['state']}"


def _progress(changes: Sequence[dict[str, Any]], found: Found) -> str:
    merged = sum(change["state"] == "merged" for change in changes)
    known = [one["state"] for change in changes for one in change["review"]["findings"]]
    rounds = sum(change["review"]["round"] for change in changes)
    return (
        f"{len(changes)} of {found.changes} changes, {merged} merged; {rounds} rounds; {len(known)} findings, "
        f"{known.count('open')} open"
    )
