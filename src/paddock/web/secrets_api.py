"""The operator's HTTP API: secrets of projects. A value goes in and never comes out."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import secrets
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of, json_of


async def list_secrets(request: Request) -> Response:
    return JSONResponse(await secrets.listing(control_of(request)))


async def set_secret(request: Request) -> Response:
    project, name = request.path_params["project"], request.path_params["ref"]
    return JSONResponse(await secrets.put(control_of(request), project, name, await json_of(request)), status_code=201)


async def remove_secret(request: Request) -> Response:
    project, name = request.path_params["project"], request.path_params["ref"]
    return JSONResponse(await secrets.drop(control_of(request), project, name, await json_of(request)))


ENDPOINTS = (
    Endpoint(
        "GET", "/v1/secrets", "Every secret that jobs may name, without its value", list_secrets, may=May.SECURITY
    ),
    Endpoint(
        "POST",
        "/v1/secrets/{project}/{ref}",
        "Sets a secret of a project, in place of the one of its name",
        set_secret,
        body={"value": "string", "by": "string"},
        may=May.SECURITY,
        dangerous=True,
    ),
    Endpoint(
        "POST",
        "/v1/secrets/{project}/{ref}/remove",
        "Removes a secret of a project",
        remove_secret,
        body={"by": "string"},
        may=May.SECURITY,
        dangerous=True,
    ),
)
