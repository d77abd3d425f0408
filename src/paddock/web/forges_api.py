"""The operator's HTTP API of forges, and the one path on which forges themselves call.

What speaks to forges is loaded with the first request about them: a control plane without any does not carry it.
"""

from types import ModuleType

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.core.people import May
from paddock.web.agents_api import read_body
from paddock.web.endpoint import Endpoint, control_of, json_of

# Bytes of a webhook.
MOST = 4 << 20
WEBHOOK = "/v1/forges/"


def _forges() -> ModuleType:
    from paddock.control import forges

    return forges


async def show(request: Request) -> Response:
    return JSONResponse(await _forges().show(control_of(request), request.path_params["ref"]))


async def set_forge(request: Request) -> Response:
    made = await _forges().set_forge(control_of(request), request.path_params["ref"], await json_of(request))
    return JSONResponse(made)


async def remove(request: Request) -> Response:
    made = await _forges().remove_forge(control_of(request), request.path_params["ref"], await json_of(request))
    return JSONResponse(made)


async def comment(request: Request) -> Response:
    made = await _forges().comment(control_of(request), request.path_params["ref"], await json_of(request))
    return JSONResponse(made)


async def file_finding(request: Request) -> Response:
    made = await _forges().file_finding(control_of(request), request.path_params["ref"], await json_of(request))
    return JSONResponse(made)


async def webhook(request: Request) -> Response:
    """Nothing of the body is looked at before its signature holds."""
    body = await read_body(request.receive, MOST)
    told = await _forges().webhook(control_of(request), request.path_params["ref"], dict(request.headers), body)
    return JSONResponse(told)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/projects/{ref}/forge",
        "A project's forge, the work there and what is left to ask",
        show,
        may=May.READ,
    ),
    Endpoint(
        "POST",
        "/v1/projects/{ref}/forge",
        "Shows a project's changes on a forge; fields that are left out stay as they are",
        set_forge,
        body={
            "forge": "string",
            "token": "string",
            "secret": "string",
            "merge": "string",
            "people": "object",
            "by": "string",
        },
        may=May.FLEET,
    ),
    Endpoint(
        "POST",
        "/v1/projects/{ref}/forge/remove",
        "Shows a project's changes on a forge no more",
        remove,
        body={"by": "string"},
        may=May.FLEET,
    ),
    Endpoint(
        "POST",
        "/v1/changes/{ref}/comment",
        "A person says something of a change, on its forge too",
        comment,
        body={"by": "string", "text": "string"},
        may=May.REVIEW,
    ),
    Endpoint(
        "POST",
        "/v1/findings/{ref}/file",
        "Files a finding as an issue on its project's forge, once",
        file_finding,
        body={"by": "string"},
        may=May.REVIEW,
    ),
    Endpoint(
        "POST",
        "/v1/forges/{ref}/webhook",
        "A forge says that something has moved; the request is signed with the project's secret",
        webhook,
        may=May.ANYBODY,
    ),
)
