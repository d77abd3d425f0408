"""The operator's HTTP API: how changes are reviewed, and what was found."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import reviews
from paddock.core.errors import BadInput
from paddock.core.findings import FindingState
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of, json_of

MOST = 5_000


async def show_rules(request: Request) -> Response:
    return JSONResponse(await reviews.rules(control_of(request), request.path_params["ref"]))


async def set_rules(request: Request) -> Response:
    return JSONResponse(
        await reviews.set_rules(control_of(request), request.path_params["ref"], await json_of(request))
    )


async def list_findings(request: Request) -> Response:
    query = request.query_params
    limit = query.get("limit", "500")
    if not limit.isdecimal() or not 1 <= int(limit) <= MOST:
        raise BadInput(f"limit: expected 1 to {MOST}", where="limit")
    found = await reviews.findings(
        control_of(request), query.get("change"), query.get("project"), query.get("state"), int(limit)
    )
    return JSONResponse(found)


async def show_finding(request: Request) -> Response:
    return JSONResponse(await reviews.finding(control_of(request), request.path_params["ref"]))


async def dismiss(request: Request) -> Response:
    return await _judge(request, FindingState.DISMISSED)


async def reopen(request: Request) -> Response:
    return await _judge(request, FindingState.OPEN)


async def _judge(request: Request, state: FindingState) -> Response:
    raw = await json_of(request)
    return JSONResponse(await reviews.judge(control_of(request), request.path_params["ref"], state, raw))


_BODY = {"by": "string", "note": "string"}

ENDPOINTS = (
    Endpoint(
        "GET", "/v1/projects/{ref}/review", "How a project's changes are reviewed and gated", show_rules, may=May.READ
    ),
    Endpoint(
        "POST",
        "/v1/projects/{ref}/review",
        "Sets how a project's changes are reviewed and gated, in place of all that was set",
        set_rules,
        body={"rules": "object", "by": "string"},
        may=May.FLEET,
    ),
    Endpoint(
        "GET",
        "/v1/findings",
        "The newest findings",
        list_findings,
        query={"change": "string", "project": "string", "state": "string", "limit": "integer"},
        may=May.READ,
    ),
    Endpoint("GET", "/v1/findings/{ref}", "One finding, by its id or the beginning of it", show_finding, may=May.READ),
    Endpoint(
        "POST",
        "/v1/findings/{ref}/dismiss",
        "A person says that it need not be fixed",
        dismiss,
        body=_BODY,
        may=May.REVIEW,
    ),
    Endpoint(
        "POST",
        "/v1/findings/{ref}/reopen",
        "A person opens a dismissed finding again",
        reopen,
        body=_BODY,
        may=May.REVIEW,
    ),
)
