"""The operator's HTTP API and page: what agents' time went into, and budgets."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import budgets
from paddock.control.plane import Control
from paddock.core.errors import BadInput
from paddock.web.endpoint import Endpoint, control_of, json_of

DAYS = 7.0


def _days(request: Request) -> float:
    raw = request.query_params.get("days")
    try:
        return float(raw) if raw else DAYS
    except ValueError:
        raise BadInput(f"days: {raw!r} is no number", where="days") from None


async def page(control: Control, request: Request) -> dict[str, Any]:
    """What the page shows."""
    project = request.query_params.get("project") or None
    return {"spend": await budgets.spend(control, _days(request), project), "filter": {"project": project}}


async def show(request: Request) -> Response:
    found = await budgets.spend(control_of(request), _days(request), request.query_params.get("project"))
    return JSONResponse(found)


async def set_budget(request: Request) -> Response:
    return JSONResponse(await budgets.set_budget(control_of(request), await json_of(request)))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/spend",
        "Seconds of agents' time by project and kind, and for each merged change",
        show,
        query={"days": "number", "project": "string"},
    ),
    Endpoint(
        "POST",
        "/v1/budgets",
        "Sets a project's budget in seconds, or the fleet's; without bounds it is removed",
        set_budget,
        body={"project": "string", "a_day": "number", "since_merge": "number", "by": "string"},
    ),
)
