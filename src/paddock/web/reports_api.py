"""The operator's HTTP API and pages: support reports."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import reports
from paddock.control.plane import Control
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of


async def list_reports(request: Request) -> Response:
    return JSONResponse(await reports.listing(control_of(request)))


async def show_report(request: Request) -> Response:
    return JSONResponse(await reports.show(control_of(request), request.path_params["ref"]))


async def page(control: Control, _request: Request) -> dict[str, Any]:
    """What the page of reports shows."""
    return {"reports": await reports.listing(control, 150)}


async def one_page(control: Control, request: Request) -> dict[str, Any]:
    """What the page of one report shows."""
    return {"report": await reports.show(control, request.path_params["ref"])}


ENDPOINTS = (
    Endpoint("GET", "/v1/reports", "The newest support reports, without their logs", list_reports, may=May.READ),
    Endpoint("GET", "/v1/reports/{ref}", "A support report", show_report, may=May.READ),
)
