"""The operator's HTTP API: licences."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import licences
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of, json_of


async def list_licences(request: Request) -> Response:
    return JSONResponse(await licences.listing(control_of(request)))


async def set_licence(request: Request) -> Response:
    return JSONResponse(
        await licences.put(control_of(request), request.path_params["ref"], await json_of(request)), status_code=201
    )


async def remove_licence(request: Request) -> Response:
    return JSONResponse(await licences.drop(control_of(request), request.path_params["ref"], await json_of(request)))


ENDPOINTS = (
    Endpoint(
        "GET", "/v1/licences", "Every licence, with the agents that work under it or wait", list_licences, may=May.READ
    ),
    Endpoint(
        "POST",
        "/v1/licences/{ref}",
        "Sets a licence, in place of the one of its name",
        set_licence,
        body={
            "plan": "string",
            "max_agents": "integer",
            "max_tasks": "integer",
            "features": "array",
            "channel": "string",
            "binding": "string",
            "grace_s": "integer",
            "valid_s": "integer",
            "expires": "integer",
            "by": "string",
        },
        may=May.TOKENS,
    ),
    Endpoint(
        "POST",
        "/v1/licences/{ref}/remove",
        "Removes a licence that no agent's token names",
        remove_licence,
        body={"by": "string"},
        may=May.TOKENS,
    ),
)
