"""The operator's HTTP API: pauses, shares and limits."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import limits, views
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of, json_of


async def pause_project(request: Request) -> Response:
    control = control_of(request)
    project = await limits.pause(control, request.path_params["ref"], await json_of(request))
    return JSONResponse(views.project_view(control, project))


async def resume_project(request: Request) -> Response:
    control = control_of(request)
    project = await limits.resume(control, request.path_params["ref"], await json_of(request))
    return JSONResponse(views.project_view(control, project))


async def share_project(request: Request) -> Response:
    control = control_of(request)
    project = await limits.share(control, request.path_params["ref"], await json_of(request))
    return JSONResponse(views.project_view(control, project))


async def list_limits(request: Request) -> Response:
    return JSONResponse(await limits.list_limits(control_of(request)))


async def set_limit(request: Request) -> Response:
    return JSONResponse(await limits.set_limit(control_of(request), await json_of(request)))


async def remove_limit(request: Request) -> Response:
    return JSONResponse(await limits.remove_limit(control_of(request), request.path_params["ref"]))


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/projects/{ref}/pause",
        "Starts nothing of a project until then; what runs goes on",
        pause_project,
        body={"by": "string", "note": "string", "until": "string", "seconds": "number"},
        may=May.FLEET,
    ),
    Endpoint(
        "POST",
        "/v1/projects/{ref}/resume",
        "Ends a project's pause",
        resume_project,
        body={"by": "string"},
        may=May.FLEET,
    ),
    Endpoint(
        "POST",
        "/v1/projects/{ref}/share",
        "Sets a project's share of live leases",
        share_project,
        body={"weight": "integer"},
        may=May.FLEET,
    ),
    Endpoint("GET", "/v1/limits", "Every limit with what counts towards it", list_limits, may=May.READ),
    Endpoint(
        "POST",
        "/v1/limits",
        "Limits live leases, or starts within so many seconds, of the jobs it is about",
        set_limit,
        body={
            "key": "string",
            "project": "string",
            "kind": "string",
            "capability": "string",
            "most": "integer",
            "starts": "integer",
            "seconds": "number",
        },
        may=May.FLEET,
    ),
    Endpoint("POST", "/v1/limits/{ref}/remove", "Removes a limit by its name", remove_limit, may=May.FLEET),
)
