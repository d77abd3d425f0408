"""What the tables of the operator's HTTP API are made of."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from paddock.control.plane import Control
from paddock.core.errors import BadInput
from paddock.core.people import May
from paddock.web import identity
from paddock.web.agents_api import read_body

# Values and events are what jobs wrote: no browser shall take one for a page of ours.
INERT = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "attachment",
}
_ENDPOINT = "paddock.endpoint"

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """One route and whom it is for: `query` names its parameters, `body` the fields of its JSON body."""

    method: str
    path: str
    about: str
    handler: Handler
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, str] = field(default_factory=dict)
    # The permission that it takes; `dangerous` ones take a fresh proof of who it is too.
    may: May = field(kw_only=True)
    dangerous: bool = field(default=False, kw_only=True)

    async def __call__(self, request: Request) -> Response:
        """Its answer to those who may have it. Raises: LoginNeeded, NotAllowed, ProofNeeded."""
        identity.check(request, self.may, dangerous=self.dangerous)
        request.scope[_ENDPOINT] = self
        response = await self.handler(request)
        if isinstance(response, StreamingResponse) and identity.who_of(request).name:
            parts = cast("AsyncIterator[bytes]", response.body_iterator)
            response.body_iterator = identity.while_allowed(request, self.may, parts)
        return response

    def route(self) -> Route:
        """The route of the framework."""
        return Route(self.path, self.__call__, methods=[self.method])


def control_of(request: Request) -> Control:
    """The control plane that a request is made to."""
    control: Control = request.app.state.control
    return control


def _body_of(request: Request) -> dict[str, str]:
    endpoint: Endpoint | None = request.scope.get(_ENDPOINT)
    return endpoint.body if endpoint is not None else {}


async def json_of(request: Request) -> Any:
    """A request's body; an empty one is an empty mapping. Who logged in decides by their own name and no other.

    Raises: BadInput; texts that no UTF-8 can hold are refused here, before anything tries to store them.
    """
    try:
        raw = msgspec.json.decode(await read_body(request.receive) or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("the body is no JSON") from None
    name = identity.who_of(request).name
    if name and isinstance(raw, dict) and "by" in _body_of(request):
        raw["by"] = name
    return raw
