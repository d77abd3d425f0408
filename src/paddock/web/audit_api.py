"""The operator's HTTP API: the journal's chain."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import audit
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of


async def show_chain(request: Request) -> Response:
    return JSONResponse(await audit.standing(control_of(request)))


async def seal_now(request: Request) -> Response:
    control = control_of(request)
    while await audit.seal(control):
        continue
    return JSONResponse(await audit.standing(control))


ENDPOINTS = (
    Endpoint("GET", "/v1/audit", "How far the journal is sealed, and the newest checkpoint", show_chain, may=May.READ),
    Endpoint("POST", "/v1/audit/seal", "Seals the journal up to now; the checkpoint of it", seal_now, may=May.SECURITY),
)
