"""The operator's HTTP API: how large a fleet is worth having."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import sizing
from paddock.core.errors import BadInput
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of

MOST = 10**12


def _whole(request: Request, name: str) -> int | None:
    raw = request.query_params.get(name)
    if raw is None:
        return None
    if not raw.isdecimal() or int(raw) > MOST:
        raise BadInput(f"{name}: expected a whole number", where=name)
    return int(raw)


async def size(request: Request) -> Response:
    lines = _whole(request, "lines")
    if lines is None:
        raise BadInput("lines: how many lines of code the repository has", where="lines")
    return JSONResponse(await sizing.size(control_of(request), lines, _whole(request, "memory_mib")))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/size",
        "How many coders, reviewers and testers a repository is worth, and whether more agents would help",
        size,
        query={"lines": "integer", "memory_mib": "integer"},
        may=May.READ,
    ),
)
