"""The operator's HTTP API and page: what agents' time and models cost, budgets, and prices."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import budgets
from paddock.control.plane import Control
from paddock.core.budgets import BOUNDS
from paddock.core.errors import BadInput
from paddock.core.people import May
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


async def list_prices(request: Request) -> Response:
    return JSONResponse(await budgets.prices(control_of(request)))


async def set_prices(request: Request) -> Response:
    return JSONResponse(await budgets.set_prices(control_of(request), await json_of(request)))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/spend",
        "Money, tokens and seconds of agents' time by project, kind and model, and for each merged change",
        show,
        query={"days": "number", "project": "string"},
        may=May.READ,
    ),
    Endpoint(
        "POST",
        "/v1/budgets",
        "Sets a project's budget in seconds, money and tokens, or the fleet's; without bounds it is removed",
        set_budget,
        body={
            "project": "string",
            "a_day": "number",
            "since_merge": "number",
            **{name: "string" if name.startswith("money") else "integer" for name in BOUNDS},
            "by": "string",
        },
        may=May.FLEET,
    ),
    Endpoint("GET", "/v1/prices", "What models cost: the fleet's prices, and projects' own", list_prices, may=May.READ),
    Endpoint(
        "POST",
        "/v1/prices",
        "Sets the prices of models for a project, or for the fleet; without models they are removed",
        set_prices,
        body={"project": "string", "prices": "object", "by": "string"},
        may=May.FLEET,
    ),
)
