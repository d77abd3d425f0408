"""The operator's HTTP API: anomalies, quarantine, and agents that are stopped for good."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import anomalies
from paddock.core.errors import BadInput
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of, json_of


async def list_anomalies(request: Request) -> Response:
    state = request.query_params.get("state", "open")
    if state not in ("open", "all"):
        raise BadInput(f"state: {state[:40]!r} is no state", hint="open or all", where="state")
    return JSONResponse(await anomalies.listing(control_of(request), every=state == "all"))


async def show_anomaly(request: Request) -> Response:
    control = control_of(request)
    return JSONResponse(anomalies.view(control, await control.store.anomaly(request.path_params["ref"])))


async def resolve_anomaly(request: Request) -> Response:
    ref = request.path_params["ref"]
    return JSONResponse(await anomalies.resolve(control_of(request), ref, await json_of(request)))


async def quarantine_agent(request: Request) -> Response:
    ref = request.path_params["ref"]
    return JSONResponse(await anomalies.quarantine(control_of(request), ref, await json_of(request)))


async def terminate_agent(request: Request) -> Response:
    ref = request.path_params["ref"]
    return JSONResponse(await anomalies.terminate(control_of(request), ref, await json_of(request)))


_DECISION = {"by": "string", "note": "string"}

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/anomalies",
        "What was found about agents, the latest first",
        list_anomalies,
        query={"state": "string"},
        may=May.READ,
    ),
    Endpoint("GET", "/v1/anomalies/{ref}", "One anomaly", show_anomaly, may=May.READ),
    Endpoint(
        "POST",
        "/v1/anomalies/{ref}/resolve",
        "A person has looked at it; lifts the quarantine that nothing else keeps",
        resolve_anomaly,
        body=_DECISION,
        may=May.SECURITY,
        dangerous=True,
    ),
    Endpoint(
        "POST",
        "/v1/agents/{ref}/quarantine",
        "Gives an agent no more work",
        quarantine_agent,
        body=_DECISION,
        may=May.SECURITY,
    ),
    Endpoint(
        "POST",
        "/v1/agents/{ref}/terminate",
        "Stops an agent for good",
        terminate_agent,
        body=_DECISION,
        may=May.SECURITY,
        dangerous=True,
    ),
)
