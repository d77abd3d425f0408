"""The operator's HTTP API: pauses, shares and limits."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import limits, views
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


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/projects/{ref}/pause",
        "Starts nothing of a project until then; what runs goes on",
        pause_project,
        body={"by": "string", "note": "string", "until": "string", "seconds": "number"},
    ),
    Endpoint("POST", "/v1/projects/{ref}/resume", "Ends a project's pause", resume_project, body={"by": "string"}),
    Endpoint(
        "POST",
        "/v1/projects/{ref}/share",
        "Sets a project's share of live leases",
        share_project,
        body={"weight": "integer"},
    ),
)
