"""What the page of anomalies shows."""

from typing import Any

from starlette.requests import Request

from paddock.control import anomalies
from paddock.control.plane import Control
from paddock.core.anomalies import Standing

ROWS = 150


async def page(control: Control, request: Request) -> dict[str, Any]:
    """Open anomalies or every one, and the agents that may not work."""
    every = request.query_params.get("state") == "all"
    held = [
        {"id": agent.agent, "name": agent.name, "standing": agent.standing, "reason": agent.standing_reason}
        for agent in control.fleet
        if agent.standing is not Standing.ACTIVE
    ]
    found = await anomalies.listing(control, every=every, most=ROWS)
    return {"anomalies": found, "every": every, "held": sorted(held, key=lambda one: str(one["name"]))[:ROWS]}
