"""What the page of activation tokens shows."""

from typing import Any

from starlette.requests import Request

from paddock.control import tokens
from paddock.control.plane import Control
from paddock.core.tokens import CHANNELS

ROWS = 150


async def page(control: Control, _request: Request) -> dict[str, Any]:
    """The newest tokens, those that are good and the rest, and what one may be minted for."""
    found = await tokens.listing(control, ROWS)
    names = {agent.agent: agent.name for agent in control.fleet}
    for token in found:
        token["agent_name"] = names.get(token["agent"] or "", "")
    return {"tokens": found, "ready": sum(token["state"] == "ready" for token in found), "channels": CHANNELS}
