"""The operator's HTTP API: one table of routes, from which the OpenAPI document is made too."""

import json
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from paddock.control import views
from paddock.control.plane import Control
from paddock.control.submit import add_project, submit_batch
from paddock.control.why import why
from paddock.core.errors import BadInput
from paddock.core.job import decode_batch
from paddock.core.people import May
from paddock.core.states import FINAL, ChangeState, JobState
from paddock.store.records import JobFilter
from paddock.web import (
    agent_cards,
    anomalies_api,
    audit_api,
    bulk_api,
    forges_api,
    keys_api,
    licences_api,
    limits_api,
    metrics_api,
    oidc_api,
    people_api,
    registry_api,
    reports_api,
    reviews_api,
    schedules_api,
    secrets_api,
    size_api,
    spend_api,
    state_api,
    tokens_api,
    topics_api,
)
from paddock.web.agents_api import read_body
from paddock.web.endpoint import Endpoint, control_of, json_of

MAX_LIST = 20_000
# Bytes of a batch: room for as many jobs as one may hold.
MAX_BATCH = 32 << 20


def _number(request: Request, name: str, otherwise: float, *, least: float = 0, most: float = 1e12) -> float:
    raw = request.query_params.get(name)
    if raw is None:
        return otherwise
    try:
        value = float(raw)
    except ValueError:
        raise BadInput(f"{name}: {raw[:40]!r} is no number", where=name) from None
    if not least <= value <= most:
        raise BadInput(f"{name}: expected {least:g} to {most:g}", where=name)
    return value


def _one_of(request: Request, name: str, known: type[JobState] | type[ChangeState]) -> str | None:
    value = request.query_params.get(name)
    if value is not None and value not in list(known):
        raise BadInput(f"{name}: {value[:40]!r} is no state", hint=f"states are: {', '.join(known)}", where=name)
    return value


async def health(request: Request) -> Response:
    found = views.health(control_of(request))
    return JSONResponse(found, status_code=200 if found["ok"] else 503)


async def fleet(request: Request) -> Response:
    return JSONResponse(await views.fleet(control_of(request)))


async def list_projects(request: Request) -> Response:
    return JSONResponse(await views.projects(control_of(request)))


async def create_project(request: Request) -> Response:
    project = await add_project(control_of(request), await json_of(request))
    return JSONResponse(views.project_view(control_of(request), project))


def job_filter(request: Request) -> JobFilter:
    """The filter that a list's query asks for. Raises: BadInput."""
    query = request.query_params
    return JobFilter(
        state=_one_of(request, "state", JobState),
        project=query.get("project"),
        batch=query.get("batch"),
        kind=query.get("kind"),
        label=query.get("label"),
        system=query.get("system") in ("1", "true"),
        limit=int(_number(request, "limit", 500, least=1, most=MAX_LIST)),
    )


async def list_jobs(request: Request) -> Response:
    return JSONResponse(await views.jobs(control_of(request), job_filter(request)))


async def submit_jobs(request: Request) -> Response:
    batch = decode_batch(await read_body(request.receive, MAX_BATCH))
    made = await submit_batch(control_of(request), batch)
    return Response(msgspec.json.encode(made), status_code=201, media_type="application/json")


async def show_job(request: Request) -> Response:
    return JSONResponse(await views.job(control_of(request), request.path_params["ref"]))


async def why_job(request: Request) -> Response:
    return JSONResponse(await why(control_of(request), request.path_params["ref"]))


async def cancel_job(request: Request) -> Response:
    control = control_of(request)
    job = await control.store.job(request.path_params["ref"])
    job = await control.store.cancel(job.id, control.clock.now())
    control.stir()
    if job.agent:
        control.bus.wake([job.agent])
    return JSONResponse(await views.job(control, job.id))


async def retry_job(request: Request) -> Response:
    control = control_of(request)
    job = await control.store.job(request.path_params["ref"])
    job = await control.store.retry(job.id, control.clock.now())
    control.stir()
    return JSONResponse(await views.job(control, job.id))


async def read_log(request: Request) -> Response:
    control = control_of(request)
    job = await control.store.job(request.path_params["ref"])
    epoch = int(_number(request, "epoch", job.epoch, most=2**31))
    stream = request.query_params.get("stream", "log")
    offset = int(_number(request, "offset", 0))
    final = job.state in FINAL or job.state is JobState.IN_REVIEW or epoch < job.epoch
    data = await control.logs.read(job.id, epoch, stream, offset)
    whole = final and offset + len(data) >= await control.logs.size(job.id, epoch, stream)
    headers = {
        "Paddock-Epoch": str(epoch),
        "Paddock-Offset": str(offset + len(data)),
        "Paddock-Final": str(int(whole)),
        "X-Content-Type-Options": "nosniff",
    }
    return Response(data, media_type="text/plain; charset=utf-8", headers=headers)


async def list_agents(request: Request) -> Response:
    return JSONResponse(await views.agents(control_of(request)))


async def drain_agent(request: Request) -> Response:
    control = control_of(request)
    raw = await json_of(request)
    draining = raw.get("draining", True) if isinstance(raw, dict) else True
    if not isinstance(draining, bool):
        raise BadInput("draining: expected true or false", where="draining")
    agent = await control.store.agent(request.path_params["ref"])
    control.registry.note(control.fleet.put(await control.store.drain(agent.id, draining, control.clock.now())))
    control.tell_of(agent.id)
    control.stir()
    control.bus.wake([agent.id])
    held = (await control.store.holders()).get(agent.id, [])
    return JSONResponse(views.agent_view(control, await control.store.agent(agent.id), held))


async def list_changes(request: Request) -> Response:
    state = _one_of(request, "state", ChangeState)
    limit = int(_number(request, "limit", 200, least=1, most=MAX_LIST))
    return JSONResponse(await views.changes(control_of(request), state, request.query_params.get("project"), limit))


async def show_change(request: Request) -> Response:
    return JSONResponse(await views.change(control_of(request), request.path_params["ref"]))


async def change_diff(request: Request) -> Response:
    control = control_of(request)
    change = await control.store.change(request.path_params["ref"])
    data = await control.logs.read(*change.diff_of, "diff", 0)
    return Response(data, media_type="text/plain; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"})


async def gate_change(request: Request) -> Response:
    return JSONResponse(await views.gate(control_of(request), request.path_params["ref"]))


async def approve_change(request: Request) -> Response:
    return await _decide(request, "approve")


async def reject_change(request: Request) -> Response:
    return await _decide(request, "reject")


async def ask_changes(request: Request) -> Response:
    return await _decide(request, "ask")


async def rerun_change(request: Request) -> Response:
    return await _decide(request, "rerun")


async def _decide(request: Request, decision: str) -> Response:
    control = control_of(request)
    raw = await json_of(request)
    by = raw.get("by") if isinstance(raw, dict) else None
    note = raw.get("note", "") if isinstance(raw, dict) else ""
    if not isinstance(by, str) or not by.strip() or len(by) > 100 or any(ord(c) < 32 for c in by):
        raise BadInput("by: expected the name of the person who decides", where="by")
    if not isinstance(note, str) or len(note) > 4_000:
        raise BadInput("note: expected a text of at most 4,000 characters", where="note")
    change = await control.store.change(request.path_params["ref"])
    await control.store.decide(change.id, by.strip(), decision, note, control.clock.now())
    control.stir()
    return JSONResponse(await views.change(control, change.id))


async def read_journal(request: Request) -> Response:
    control = control_of(request)
    after = int(_number(request, "after", 0, least=-1))
    limit = int(_number(request, "limit", 500, least=1, most=MAX_LIST))
    job = request.query_params.get("job")
    job_id = (await control.store.job(job)).id if job else None
    return JSONResponse(await views.journal(control, after, job_id, limit))


async def events(request: Request) -> Response:
    control = control_of(request)
    last = request.headers.get("last-event-id", "")
    start = int(last) if last.isdigit() else await control.store.last_seq()
    return StreamingResponse(_events(control, start), media_type="text/event-stream")


async def _events(control: Control, seq: int) -> AsyncIterator[str]:
    yield f": from {seq}\n\n"
    async for _ in control.bus.watch():
        rows = await control.store.journal(seq, None, 1_000)
        if rows:
            seq = rows[-1].seq
            told = {"seq": seq, "types": sorted({r.type for r in rows}), "jobs": sorted({r.job for r in rows if r.job})}
            yield f"id: {seq}\ndata: {json.dumps(told)}\n\n"


async def fan_out(request: Request) -> Response:
    spawn = _number(request, "spawn", -1, least=-1)
    count = int(_number(request, "jobs", 0, least=0, most=100_000))
    if count < 1:
        raise BadInput("jobs: expected 1 or more", where="jobs")
    view = await views.fan_out(
        control_of(request),
        request.query_params.get("kind", "command"),
        count,
        _number(request, "seconds", 0),
        None if spawn < 0 else spawn,
        int(_number(request, "slots", 0, most=100_000)),
    )
    return JSONResponse(view)


_JOB_QUERY = dict.fromkeys(("state", "project", "batch", "kind", "label", "system"), "string")

ENDPOINTS = (
    Endpoint("GET", "/v1/health", "Whether the control plane answers", health, may=May.ANYBODY),
    Endpoint("GET", "/v1/fleet", "The four numbers and what stands behind them", fleet, may=May.READ),
    Endpoint("GET", "/v1/projects", "Every project", list_projects, may=May.READ),
    Endpoint(
        "POST",
        "/v1/projects",
        "Registers a repository",
        create_project,
        body={"name": "string", "repo": "string", "branch": "string", "checks": "array"},
        may=May.FLEET,
    ),
    *limits_api.ENDPOINTS,
    *reviews_api.ENDPOINTS,
    *forges_api.ENDPOINTS,
    *size_api.ENDPOINTS,
    *spend_api.ENDPOINTS,
    *bulk_api.ENDPOINTS,
    *schedules_api.ENDPOINTS,
    *state_api.ENDPOINTS,
    *topics_api.ENDPOINTS,
    Endpoint("GET", "/v1/jobs", "The newest jobs", list_jobs, query={**_JOB_QUERY, "limit": "integer"}, may=May.READ),
    Endpoint(
        "POST",
        "/v1/jobs",
        "Submits a batch whole or not at all",
        submit_jobs,
        body={"project": "string", "name": "string", "defaults": "object", "jobs": "array", "opens_after": "object"},
        may=May.WORK,
    ),
    Endpoint("GET", "/v1/jobs/{ref}", "Everything about a job, by id or name", show_job, may=May.READ),
    Endpoint("GET", "/v1/jobs/{ref}/why", "Why a job waits", why_job, may=May.READ),
    Endpoint(
        "GET",
        "/v1/jobs/{ref}/log",
        "What a run printed, from an offset on",
        read_log,
        query={"epoch": "integer", "offset": "integer", "stream": "string"},
        may=May.READ,
    ),
    Endpoint("POST", "/v1/jobs/{ref}/cancel", "Cancels a job", cancel_job, may=May.WORK),
    Endpoint("POST", "/v1/jobs/{ref}/retry", "Gives an ended job a fresh set of tries", retry_job, may=May.WORK),
    *registry_api.ENDPOINTS,
    *metrics_api.ENDPOINTS,
    *agent_cards.ENDPOINTS,
    Endpoint("GET", "/v1/agents", "Every agent", list_agents, may=May.READ),
    Endpoint(
        "POST",
        "/v1/agents/{ref}/drain",
        "Drains or resumes an agent",
        drain_agent,
        body={"draining": "boolean"},
        may=May.FLEET,
    ),
    Endpoint(
        "GET",
        "/v1/changes",
        "The newest changes",
        list_changes,
        query={"state": "string", "project": "string", "limit": "integer"},
        may=May.READ,
    ),
    Endpoint(
        "GET",
        "/v1/changes/{ref}",
        "Everything about a change, by its id, its job's id or name",
        show_change,
        may=May.READ,
    ),
    Endpoint("GET", "/v1/changes/{ref}/diff", "A change's unified diff", change_diff, may=May.READ),
    Endpoint("GET", "/v1/changes/{ref}/gate", "The merge gate's answer", gate_change, may=May.READ),
    Endpoint(
        "POST",
        "/v1/changes/{ref}/approve",
        "A person approves",
        approve_change,
        body={"by": "string", "note": "string"},
        may=May.REVIEW,
    ),
    Endpoint(
        "POST",
        "/v1/changes/{ref}/reject",
        "A person rejects",
        reject_change,
        body={"by": "string", "note": "string"},
        may=May.REVIEW,
    ),
    Endpoint(
        "POST",
        "/v1/changes/{ref}/ask-changes",
        "A person asks for changes: the author's kind of agent goes on with it, or its job starts again",
        ask_changes,
        body={"by": "string", "note": "string"},
        may=May.REVIEW,
    ),
    Endpoint(
        "POST",
        "/v1/changes/{ref}/rerun",
        "Runs the checks and the reviews of a change's head anew, and a merge that gave up",
        rerun_change,
        body={"by": "string", "note": "string"},
        may=May.REVIEW,
    ),
    Endpoint(
        "GET",
        "/v1/journal",
        "What happened, in order",
        read_journal,
        query={"after": "integer", "job": "string", "limit": "integer"},
        may=May.READ,
    ),
    *audit_api.ENDPOINTS,
    *anomalies_api.ENDPOINTS,
    *keys_api.ENDPOINTS,
    *reports_api.ENDPOINTS,
    Endpoint("GET", "/v1/events", "Server-sent events: one message per piece of news", events, may=May.READ),
    *(tokens_api.ENDPOINTS + licences_api.ENDPOINTS + secrets_api.ENDPOINTS),
    *people_api.ENDPOINTS,
    *oidc_api.ENDPOINTS,
    Endpoint(
        "GET",
        "/v1/fan-out",
        "Whether running jobs side by side pays",
        fan_out,
        query={"jobs": "integer", "seconds": "number", "spawn": "number", "slots": "integer", "kind": "string"},
        may=May.READ,
    ),
)

routes = [endpoint.route() for endpoint in ENDPOINTS]
