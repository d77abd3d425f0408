"""What each page shows, gathered from the control plane; its `.json` twin gives out the same."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from starlette.requests import Request

from paddock import __version__
from paddock.control import views
from paddock.control.plane import Control
from paddock.control.why import moment
from paddock.core.errors import BadInput, NotFound
from paddock.core.states import OPEN_CHANGES, RETRIABLE, ChangeState, JobState
from paddock.store.records import JobFilter
from paddock.web import page_diff, page_words, render

Data = dict[str, Any]
Loader = Callable[[Control, Request], Awaitable[Data]]

# Rows that one page holds; with them it stays below 100 KB.
ROWS = 150
FEW = 12
JOURNAL_ROWS = 25
JOB_JOURNAL_ROWS = 60
AGENT_ROWS = 80
# Bytes of a diff that are read for a page.
DIFF_BYTES = 256 * 1024
# Findings that are shown in their places.
MOST_FINDINGS = 100
# Bytes of the latest log that are part of the page; the script and the raw link give the rest.
LOG_TAIL = 16_000
# For so long after an attempt's end more of its log may arrive.
LATE_MS = 60_000

STANDINGS = ("online", "offline", "draining", "skewed")
STOPPABLE = frozenset(JobState) - RETRIABLE - {JobState.DONE}


async def fleet(control: Control, _request: Request) -> Data:
    """The four numbers, what needs a person, what runs, what happened last."""
    figures = await views.fleet(control)
    projects, agents, waiting, parked, running, recent, events = await asyncio.gather(
        views.projects(control),
        views.agents(control),
        views.changes(control, state=ChangeState.OPEN, limit=FEW),
        views.jobs(control, JobFilter(state=JobState.PARKED, system=True, limit=FEW)),
        views.jobs(control, JobFilter(state=JobState.LEASED, system=True, limit=FEW)),
        views.jobs(control, JobFilter(system=True, limit=ROWS)),
        views.journal(control, -1, None, JOURNAL_ROWS),
    )
    return {
        "fleet": figures,
        "paused": [_paused(project) for project in projects if project["paused"]],
        "waiting": [change | {"gate": await views.gate(control, change["id"])} for change in waiting],
        "parked": parked,
        "running": running,
        "journal": page_words.told(events, _names(recent, running, agents)),
    }


def _paused(project: Mapping[str, Any]) -> Data:
    until = project["paused"]["until"]
    return {"project": project["name"], **project["paused"], "until_words": moment(until) if until else None}


def _names(*lists: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {row["id"]: row["name"] for rows in lists for row in rows}


async def jobs(control: Control, request: Request) -> Data:
    """The jobs that the address asks for, the newest first, and how many there are of each state."""
    query = request.query_params
    wanted = {key: query.get(key) or None for key in ("state", "project", "batch", "kind")}
    if wanted["state"] not in {None, *JobState}:
        raise BadInput(f"no state {wanted['state']!r}", hint=f"states are: {', '.join(JobState)}")
    system = query.get("system") == "1"
    found, figures, projects = await asyncio.gather(
        views.jobs(control, JobFilter(**wanted, system=system, limit=ROWS + 1)),
        views.fleet(control),
        views.projects(control),
    )
    return {
        "filter": {**wanted, "system": system},
        "counts": {state.value: figures["jobs"].get(state, 0) for state in JobState},
        "projects": [project["name"] for project in projects],
        "jobs": found[:ROWS],
        "more": _more(found, wanted, system, figures["jobs"]),
    }


def _more(found: list[Any], wanted: Mapping[str, str | None], system: bool, counts: Mapping[str, int]) -> int | None:
    """How many jobs the page leaves out; None when it is some and nobody counted them."""
    if len(found) <= ROWS:
        return 0
    if system or wanted["project"] or wanted["batch"] or wanted["kind"]:
        return None
    whole = counts.get(wanted["state"], 0) if wanted["state"] else sum(counts.values())
    return max(whole - ROWS, 1)


async def job(control: Control, request: Request) -> Data:
    """One job with its attempts, its log, its change and why it stands where it stands."""
    found = await views.job(control, request.path_params["ref"])
    why = await views.why(control, found["id"])
    change = await views.change(control, found["change"]) if found["change"] else None
    epoch = _epoch(request, found)
    state = JobState(found["state"])
    return {
        "job": found,
        "journal": page_words.told(found["journal"][-JOB_JOURNAL_ROWS:], {found["id"]: found["name"]}),
        "why": why,
        "change": change,
        "log": await _log(control, found, epoch) if epoch else None,
        "diff": await _diff(control, found["change"]) if change else None,
        "may": {"cancel": state in STOPPABLE and not found["cancel"], "retry": state in RETRIABLE},
    }


def _epoch(request: Request, found: Mapping[str, Any]) -> int:
    """The attempt whose log is asked for: the latest unless `?epoch=` names another; 0 where there is none."""
    epochs = [attempt["epoch"] for attempt in found["attempts"]]
    given = request.query_params.get("epoch")
    if given is None:
        return max(epochs, default=0)
    if not given.isdecimal() or int(given) not in epochs:
        raise NotFound(f"{found['name']} has no attempt {given!r}", hint="the job's page lists its attempts")
    return int(given)


async def _log(control: Control, found: Mapping[str, Any], epoch: int) -> Data:
    """The end of an attempt's log; `offset` is where more will follow."""
    size = await control.logs.size(found["id"], epoch, "log")
    start = max(size - LOG_TAIL, 0)
    data = await control.logs.read(found["id"], epoch, "log", start, LOG_TAIL)
    attempt = next(attempt for attempt in found["attempts"] if attempt["epoch"] == epoch)
    live = attempt["ended"] is None or control.clock.now() - attempt["ended"] < LATE_MS
    if live:
        # The script goes on behind the last whole line, so that it never starts inside a character or a sequence.
        data = data[: data.rfind(b"\n") + 1]
    text = data.decode(errors="replace")
    if start:
        text = text.partition("\n")[2]
    return {
        "epoch": epoch,
        "text": render.plain_log(text),
        "offset": start + len(data),
        "cut": start,
        "live": live,
        "address": render.link("/v1/jobs", found["id"], "log", epoch=epoch),
    }


async def _diff(control: Control, ref: str, findings: Sequence[Mapping[str, Any]] = ()) -> Data:
    """What a change writes, by file, with what was found in it."""
    change = await control.store.change(ref)
    data = await control.logs.read(*change.diff_of, "diff", 0, DIFF_BYTES)
    diff = page_diff.parse(data.decode(errors="replace"), findings[:MOST_FINDINGS])
    return {
        "files": diff.files,
        "cut": diff.cut or len(data) == DIFF_BYTES,
        "address": render.link("/v1/changes", change.id, "diff"),
    }


async def agents(control: Control, request: Request) -> Data:
    """Every agent, or those of one state or version."""
    found = await views.agents(control)
    state, version = request.query_params.get("state"), request.query_params.get("version")
    counts = {word: sum(_stands(agent, word) for agent in found) for word in STANDINGS}
    versions: dict[str, int] = {}
    for agent in found:
        versions[agent["version"]] = versions.get(agent["version"], 0) + 1
    shown = [
        agent for agent in found if (not state or _stands(agent, state)) and version in (None, "", agent["version"])
    ]
    running = await views.jobs(control, JobFilter(state=JobState.LEASED, system=True, limit=500))
    return {
        "filter": {"state": state, "version": version},
        "counts": counts,
        "versions": versions,
        "agents": shown[:AGENT_ROWS],
        "more": max(len(shown) - AGENT_ROWS, 0),
        "names": _names(running),
    }


def _stands(agent: Mapping[str, Any], state: str) -> bool:
    online = bool(agent["online"])
    skewed = online and agent["version"] != __version__
    return bool({"online": online, "offline": not online, "draining": agent["draining"], "skewed": skewed}.get(state))


async def changes(control: Control, request: Request) -> Data:
    """The changes that the address asks for, the newest first."""
    query = request.query_params
    state, project = query.get("state") or None, query.get("project") or None
    if state not in {None, *ChangeState}:
        raise BadInput(f"no state {state!r}", hint=f"states are: {', '.join(ChangeState)}")
    found, figures = await asyncio.gather(
        views.changes(control, state=state, project=project, limit=ROWS + 1), views.fleet(control)
    )
    counts = {each.value: figures["changes"].get(each, 0) for each in ChangeState}
    return {
        "filter": {"state": state, "project": project},
        "counts": counts,
        "changes": found[:ROWS],
        "more": len(found) > ROWS,
    }


async def change(control: Control, request: Request) -> Data:
    """One change: its files, its evidence, the gate's verdict, its diff."""
    found = await views.change(control, request.path_params["ref"])
    return {
        "change": found,
        "diff": await _diff(control, found["id"], (found["review"] or {}).get("findings", ())),
        "may": {"decide": ChangeState(found["state"]) in OPEN_CHANGES},
    }
