"""The operator's HTTP API: the keys that sign."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import rotation, views
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of, json_of


async def show_keys(request: Request) -> Response:
    return JSONResponse(await rotation.show(control_of(request)))


async def show_agents(request: Request) -> Response:
    return JSONResponse(views.key(control_of(request), request.path_params["keyid"]))


async def rotate_keys(request: Request) -> Response:
    return JSONResponse(await rotation.rotate(control_of(request), await json_of(request)))


async def end_keys(request: Request) -> Response:
    return JSONResponse(await rotation.end(control_of(request), await json_of(request)))


ENDPOINTS = (
    Endpoint("GET", "/v1/keys", "Public keys, and how many agents know the newest", show_keys, may=May.READ),
    Endpoint("GET", "/v1/keys/{keyid}", "An agent's public key, as merges name it", show_agents, may=May.READ),
    Endpoint(
        "POST",
        "/v1/keys/rotate",
        "A fresh key for each role; the former is taken for a while yet",
        rotate_keys,
        body={"roles": "array", "overlap_ms": "integer", "by": "string"},
        may=May.SECURITY,
        dangerous=True,
    ),
    Endpoint(
        "POST",
        "/v1/keys/end",
        "Former keys are not taken any more",
        end_keys,
        body={"roles": "array", "by": "string"},
        may=May.SECURITY,
        dangerous=True,
    ),
)
