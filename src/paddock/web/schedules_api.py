"""The operator's HTTP API: schedules."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import schedules
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of, json_of


async def list_schedules(request: Request) -> Response:
    return JSONResponse([schedules.view(one) for one in await control_of(request).store.schedules()])


async def add_schedule(request: Request) -> Response:
    made = await schedules.add(control_of(request), await json_of(request))
    return JSONResponse(schedules.view(made), status_code=201)


async def show_schedule(request: Request) -> Response:
    store = control_of(request).store
    found = await store.schedule(request.path_params["ref"])
    firings = [schedules.firing_view(firing) for firing in await store.firings(found.id)]
    return JSONResponse({**schedules.view(found), "firings": firings})


async def pause_schedule(request: Request) -> Response:
    changed = await schedules.pause(control_of(request), request.path_params["ref"], await json_of(request))
    return JSONResponse(schedules.view(changed))


async def remove_schedule(request: Request) -> Response:
    gone = await schedules.remove(control_of(request), request.path_params["ref"], await json_of(request))
    return JSONResponse(schedules.view(gone))


ENDPOINTS = (
    Endpoint("GET", "/v1/schedules", "Every schedule", list_schedules, may=May.READ),
    Endpoint(
        "POST",
        "/v1/schedules",
        "Submits a batch again and again: by cron in a time zone, or every so many seconds",
        add_schedule,
        body={
            "name": "string",
            "batch": "object",
            "cron": "string",
            "tz": "string",
            "every": "number",
            "overlap": "string",
            "catch_up": "boolean",
        },
        may=May.WORK,
    ),
    Endpoint(
        "GET", "/v1/schedules/{ref}", "A schedule and its latest firings, by id or name", show_schedule, may=May.READ
    ),
    Endpoint(
        "POST",
        "/v1/schedules/{ref}/pause",
        "Pauses a schedule or resumes it",
        pause_schedule,
        body={"paused": "boolean", "by": "string"},
        may=May.WORK,
    ),
    Endpoint(
        "POST",
        "/v1/schedules/{ref}/remove",
        "Removes a schedule; its jobs stay",
        remove_schedule,
        body={"by": "string"},
        may=May.WORK,
    ),
)
