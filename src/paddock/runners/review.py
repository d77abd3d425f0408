"""`review.run`: reviewers that need no model look at a change's head, in a worktree that its author never touched.

Findings are a result, not a failure of this job. A reviewer that is not to be had here is told as one that did not run.
"""

import asyncio
from typing import Any

import msgspec

from paddock.core.findings import MOST, Told
from paddock.core.review_jobs import commands
from paddock.core.reviewing import parse
from paddock.core.settlement import RATE_LIMITED
from paddock.runners.base import Run, RunFailed, outcome, stopped
from paddock.runners.command import FENCED, with_facts
from paddock.runners.review_coverage import ask_coverage
from paddock.runners.review_static import REVIEWERS, Look
from paddock.runners.review_tools import Bench, NotRun, ask_linter, ask_tool, bench, unknown_before
from paddock.runners.telling import limited_for
from paddock.wire.messages import Outcome
from paddock.workspace import RepoCache

# Grants after which an agent reviews what it wrote itself: nobody else came for it.
HAND_BACKS = 3


async def run(job: Run) -> Outcome:
    """Asks each reviewer in turn; one told by an agent that wrote the change goes back for another to take."""
    order = job.order
    assert order.base is not None
    if order.agent in (order.payload.get("authors") or ()) and order.epoch <= HAND_BACKS:
        return outcome(job, "refused", code="own_work", detail="this agent wrote some of the change")
    rules = parse(order.payload["rules"])
    unseen = [argv for argv in commands(rules) if argv not in (order.payload.get("checks") or ())]
    if unseen:  # the host's policy has not looked at it
        return outcome(job, "failed", code="bad_payload", detail=f"checks leaves out {' '.join(unseen[0])[:500]}")
    cache = RepoCache(job.work, order.base.repo)
    head = await asyncio.to_thread(cache.resolve, order.payload["commit"])
    look = Look(
        cache=cache,
        base=await asyncio.to_thread(cache.resolve, order.payload["base"]),
        head=head,
        rules=rules,
        others=[(str(name), str(commit)) for name, commit in order.payload.get("others") or ()],
    )
    job.began()
    try:
        reviewers, found = await _ask_all(job, look)
    except RunFailed as error:
        return with_facts(job, _ended(job, error))
    found.sort(key=lambda told: -told.severity.rank)
    result = {
        "commit": head,
        "base": look.base,
        "reviewers": reviewers,
        "findings": [msgspec.to_builtins(told) for told in found[:MOST]],
        "more": len(found[MOST:]),
    }
    return with_facts(job, outcome(job, "done", result=result))


def _ended(job: Run, error: RunFailed) -> Outcome:
    """What becomes of a review that did not come to its end."""
    if job.stop.why in FENCED:
        return outcome(job, "failed", code=job.stop.why, detail=FENCED[job.stop.why])
    if job.stop.why:
        return stopped(job)
    if RATE_LIMITED in job.facts:
        text = f"a limit of its model's provider stopped it {limited_for(job.facts)}"
        return outcome(job, "returned", code=RATE_LIMITED, detail=text)
    return outcome(job, "failed", code=error.told, detail=error.message)


async def _ask_all(job: Run, look: Look) -> tuple[list[dict[str, Any]], list[Told]]:
    told: list[Told] = []
    ran: list[dict[str, Any]] = []
    for name in look.rules.reviewers:
        if name in REVIEWERS:
            job.say(f"reviewing: {name}")
            found = await asyncio.to_thread(REVIEWERS[name], look)
            told += found
            ran.append({"name": name, "ran": True, "found": len(found)})
    if "coverage" in look.rules.reviewers:
        found, row = await _ask_coverage(job, look)
        told += found
        ran.append(row)
    programs = [name for name in look.rules.reviewers if name not in REVIEWERS and name != "coverage"]
    if programs or look.rules.tools:
        async with bench(job, look, look.head, "review") as at:
            more, rows = await _ask_programs(job, look, at, programs)
        told += await _new(job, look, more)
        ran += rows
    return ran, told


async def _ask_coverage(job: Run, look: Look) -> tuple[list[Told], dict[str, Any]]:
    job.say("reviewing: coverage")
    try:
        found = await ask_coverage(job, look)
    except NotRun as error:
        job.log.write(f"paddock: coverage did not run: {error}\n".encode())
        return [], {"name": "coverage", "ran": False, "detail": str(error)[:500]}
    return found, {"name": "coverage", "ran": True, "found": len(found)}


async def _ask_programs(
    job: Run, look: Look, at: Bench, linters: list[str]
) -> tuple[dict[str, list[Told]], list[dict[str, Any]]]:
    told: dict[str, list[Told]] = {}
    rows: list[dict[str, Any]] = []
    for name in [*linters, *(tool.name for tool in look.rules.tools)]:
        job.say(f"reviewing: {name}")
        tool = next((tool for tool in look.rules.tools if tool.name == name), None)
        try:
            told[name] = await (ask_tool(at, look, tool) if tool else ask_linter(name, at, look, look.head))
        except NotRun as error:
            job.log.write(f"paddock: {name} did not run: {error}\n".encode())
            rows.append({"name": name, "ran": False, "detail": str(error)[:500]})
        else:
            rows.append({"name": name, "ran": True, "found": len(told[name])})
    return told, rows


async def _new(job: Run, look: Look, told: dict[str, list[Told]]) -> list[Told]:
    """What is new with the change: a linter's findings are held against those it has on the base."""
    own = {tool.name for tool in look.rules.tools}
    out = [one for name, found in told.items() if name in own for one in found]
    linted = {name: found for name, found in told.items() if name not in own and found}
    if not linted:
        return out
    async with bench(job, look, look.base, "review-base") as at:
        for name, found in linted.items():
            job.say(f"reviewing the base: {name}")
            try:
                before = await ask_linter(name, at, look, look.base)
            except NotRun:
                before = []
            out += unknown_before(found, before)
    return out
