"""`change.merge`: changes onto the branch's tip, the merged result proven, the branch moved by compare-and-set.

Those that come `with` the change are merged and tested together with it. When that is red, the one that turns it red is
searched for by halves: those before it are merged, those behind it wait for the next merge. The branch moves once, to
one commit on its first-parent line, whose tree was tested.

Doing it twice is harmless: a branch that holds a change already is told as merged.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from paddock.core import provenance
from paddock.core.errors import PaddockError
from paddock.runners.base import Run, RunFailed, outcome, stopped
from paddock.runners.checks import judge
from paddock.wire.messages import Outcome
from paddock.workspace import Conflict, RepoCache, contains, merge, move_branch, seal


@dataclass(frozen=True)
class Link:
    """A change merged onto what stands before it in the line; `accept` are the tests of all so far that must pass."""

    change: str
    commit: str
    tree: str
    accept: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """Merges one upon the other; `there` were on the branch before, `left` do not merge with those before them."""

    tip: str
    links: list[Link]
    there: list[str]
    left: list[str]


async def run(job: Run) -> Outcome:
    """Ends `done` with the commit that holds the change, or fails with `conflict`, `red`, or what the forge said."""
    order = job.order
    payload = order.payload
    assert order.base is not None
    cache = RepoCache(job.work, order.base.repo)
    job.began()
    tip = await asyncio.to_thread(cache.resolve, payload["branch"], fresh=True)
    head = await asyncio.to_thread(cache.resolve, payload["head"])
    if await asyncio.to_thread(contains, cache, tip, head):
        return outcome(job, "done", result={"merged": tip, "already": True})
    job.say("merging")
    line = await asyncio.to_thread(_lay, cache, tip, payload, job.sign)
    if isinstance(line, Conflict):
        return outcome(job, "failed", code="conflict", result={"paths": line.paths[:50], "tip": tip})
    try:
        good, told, red = await _prove(job, cache, line)
    except RunFailed as error:
        return stopped(job) if job.stop.why else outcome(job, "failed", code=error.told, detail=error.message)
    result: dict[str, Any] = {"base": tip, "green": good > 0, **({"left": line.left} if line.left else {})}
    if not good:
        first = line.links[0]
        result |= {"commit": first.commit, "tree": first.tree, "checks": red}
        return outcome(job, "failed", code="red", result=result)
    if good < len(line.links):
        result["red"] = {"change": line.links[good].change, "checks": red}
    return await _move(job, cache, line, good, result | {"checks": told})


def _lay(cache: RepoCache, tip: str, payload: Mapping[str, Any], sign: Callable[[bytes], str]) -> Line | Conflict:
    """The change and those that come with it, one upon the other; Conflict when the change itself does not merge."""
    line = Line(tip, [], [], [])
    accept: tuple[str, ...] = ()
    for one in (payload, *(payload.get("with") or ())):
        last = line.links[-1].commit if line.links else tip
        try:
            head = cache.resolve(one["head"])
            if contains(cache, tip, head):
                line.there.append(one["change"])
                continue
            message = str(one["message"])
            merged = merge(cache, last, head, provenance.signed(message, sign(provenance.claim(head, message))))
        except PaddockError:
            if not line.links:
                raise
            line.left.append(one["change"])  # it will be told of when its own turn comes
            continue
        if isinstance(merged, Conflict):
            if not line.links:
                return merged
            line.left.append(one["change"])
            continue
        accept += tuple(one.get("accept") or ())
        line.links.append(Link(one["change"], merged.commit, merged.tree, accept))
    return line


async def _prove(job: Run, cache: RepoCache, line: Line) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
    """How many of the line are green together, what the checks said of these, and of the one behind them.

    Raises: RunFailed.
    """
    checks = job.order.payload["checks"]
    green, red = 0, len(line.links) + 1
    told: dict[int, list[dict[str, Any]]] = {}
    at = len(line.links)
    while red - green > 1:
        link = line.links[at - 1]
        job.say("testing the merged result" if at == 1 else f"testing {at} changes merged together")
        good, told[at] = await judge(job, cache, link.commit, line.tip, checks, link.accept)
        green, red = (at, red) if good else (green, at)
        at = (green + red) // 2
    return green, told.get(green, []), told.get(red, [])


async def _move(job: Run, cache: RepoCache, line: Line, good: int, result: dict[str, Any]) -> Outcome:
    """Moves the branch to the first `good` of the line."""
    took, last = line.links[:good], line.links[good - 1]
    commit = last.commit
    if good > 1:
        commit = await asyncio.to_thread(seal, cache, line.tip, last.commit, _summary(job, took))
    await job.confirm()
    if job.stop.why:
        return stopped(job)
    job.say("moving the branch")
    try:
        await asyncio.to_thread(move_branch, cache, job.order.payload["branch"], line.tip, commit)
    except PaddockError as error:
        return outcome(job, "failed", code=error.code, detail=f"{error.message}. {error.hint}"[:4_000])
    result |= {"commit": commit, "tree": last.tree, "merged": took[0].commit}
    merged = {link.change: link.commit for link in took} | dict.fromkeys(line.there, line.tip)
    return outcome(job, "done", result=result | ({"took": merged} if len(merged) > 1 else {}))


def _summary(job: Run, took: list[Link]) -> str:
    """The message of the one commit that brings several merges to the branch."""
    payload = job.order.payload
    messages = {one["change"]: str(one["message"]) for one in (payload, *(payload.get("with") or ()))}
    subjects = [messages[link.change].partition("\n")[0] for link in took]
    return f"Merge {len(took)} changes, tested together\n\n" + "".join(f"- {subject}\n" for subject in subjects)
