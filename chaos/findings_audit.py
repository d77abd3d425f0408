"""What is left when the loop has ended: read off the repository's own commits, then held against Paddock's books."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from chaos.findings_defects import PROJECT, Defect, files_of
from chaos.findings_report import Found
from support.chaos import merges
from support.fleet import Fleet

# What the rules leave as it stands: rounds of one change, findings of one round and of one job; and our two fixers.
ROUNDS, PER_ROUND, IN_ALL, FIXERS = 3, 10, 30, 2


def audit(fleet: Fleet, planted: Mapping[str, Sequence[Defect]], found: Found) -> None:
    """Fills in the figures, and whatever is wrong."""
    every = [one for some in planted.values() for one in some]
    found.by_kind = Counter(one.kind.name for one in every)
    _look_at_branch(fleet, every, found)
    merged = Counter(merges(fleet))
    agents = {str(value) for agent in fleet.api.get("/v1/agents") for value in (agent["id"], agent["name"])}
    newest_first = fleet.api.get("/v1/changes", project=PROJECT, limit=1_000)
    ids = {one["name"]: one["id"] for one in reversed(newest_first)}
    for name, some in planted.items():
        if name not in ids:
            found.wrong.append(f"{name} has no change")
            continue
        change = fleet.api.get(f"/v1/changes/{ids[name]}")
        times = merged[change["job"]]
        if times != (change["state"] == "merged"):
            found.wrong.append(f"{name} is told as {change['state']} and was merged {times} times")
        _look_at_defects(fleet, change, some, found)
        _look_at_bounds(fleet, change, found)
        _look_at_approval(change, agents, found)
    found.merges = sum(merged.values())
    if not found.refused:
        found.wrong.append("nobody approved what was not mended, so no refusal was seen")


def _look_at_branch(fleet: Fleet, every: Sequence[Defect], found: Found) -> None:
    """Looks through every commit of the branch's own line."""
    for commit in fleet.repo.git("rev-list", "--first-parent", "main").split():
        files = files_of(fleet.repo, commit)
        found.commits += 1
        found.wrong += [
            f"{commit[:12]} on main has {one.kind.name} of {one.path}" for one in every if one.stands(files)
        ]


def _look_at_defects(fleet: Fleet, change: dict[str, Any], planted: Sequence[Defect], found: Found) -> None:
    """Each was found; what stands on the change's head is listed as open, and nothing else is."""
    files = files_of(fleet.repo, change["head"])
    for one in planted:
        told = [finding for finding in change["review"]["findings"] if one.is_told_by(finding)]
        stands, listed = one.stands(files), any(finding["state"] == "open" for finding in told)
        if not told:
            found.wrong.append(f"{change['name']}: nobody found {one.kind.name} in {one.path}")
        if stands != listed:
            found.wrong.append(f"{change['name']}: {one.path} has {one.kind.name}: {stands}; listed as open: {listed}")
        merged = change["state"] == "merged"
        found.mended += merged and not stands
        found.waiting += not merged and not stands
        found.listed += not merged and listed


def _look_at_bounds(fleet: Fleet, change: dict[str, Any], found: Found) -> None:
    rounds = change["review"]["history"]
    fixes = [job for job in change["jobs"] if job["kind"] == "change.fix"]
    reviews = sum(job["kind"] == "review.run" for job in change["jobs"])
    filed = [one["filed"] for one in rounds]
    found.rounds[len(rounds)] += 1
    found.fixes += len(fixes)
    found.reviews += reviews
    for name, there, most in (
        ("rounds", len(rounds), ROUNDS),
        ("runs of fixers", len(fixes), FIXERS * len(rounds)),
        ("reviews", reviews, 1 + len(fixes)),
        ("findings given to fixers in one round", max(filed, default=0), PER_ROUND),
        ("findings given to fixers", sum(filed), IN_ALL),
    ):
        if there > most:
            found.wrong.append(f"{change['name']}: {there} {name}, at most {most}")
    for fix in fixes:
        said = [line for line in fleet.log(fix["id"]).decode().splitlines() if line.startswith("did ")]
        found.tries.update(json.loads(said[-1].removeprefix("did ")) if said else {})


def _look_at_approval(change: dict[str, Any], agents: set[str], found: Found) -> None:
    """A merge stands on a person's word for the head that was merged; nobody's word merged what is not mended."""
    approved = [said for said in change["decisions"] if said["decision"] == "approve"]
    found.wrong += [
        f"{change['name']} was approved by the agent {one['by']}" for one in approved if one["by"] in agents
    ]
    if change["state"] == "merged":
        if not any(said["head"] == change["head"] for said in approved):
            found.wrong.append(f"{change['name']} was merged and no person had approved its head")
    else:
        found.stops[str(change["review"]["stop"]).partition(":")[0]] += 1
