"""The operator's HTTP API: actions on many jobs."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control.bulk import bulk
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of, json_of


async def act(request: Request) -> Response:
    return JSONResponse(await bulk(control_of(request), await json_of(request)))


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/bulk",
        "Counts the jobs that an action would change; with the count's token, does it",
        act,
        body={
            "action": "string",
            "where": "object",
            "dry_run": "boolean",
            "token": "string",
            "slack": "integer",
            "by": "string",
            "priority": "integer",
        },
        may=May.WORK,
    ),
)
