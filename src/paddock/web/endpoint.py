"""What the tables of the operator's HTTP API are made of."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from paddock.control.plane import Control
from paddock.core.errors import BadInput
from paddock.web.agents_api import read_body

# Values and events are what jobs wrote: no browser shall take one for a page of ours.
INERT = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "attachment",
}

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """One route: `query` names its parameters, `body` the fields of its JSON body."""

    method: str
    path: str
    about: str
    handler: Handler
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, str] = field(default_factory=dict)


def control_of(request: Request) -> Control:
    """The control plane that a request is made to."""
    control: Control = request.app.state.control
    return control


async def json_of(request: Request) -> Any:
    """A request's body; an empty one is an empty mapping.

    Raises: BadInput; texts that no UTF-8 can hold are refused here, before anything tries to store them.
    """
    try:
        return msgspec.json.decode(await read_body(request.receive) or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("the body is no JSON") from None
