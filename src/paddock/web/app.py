"""The whole web side as one ASGI callable: agents' requests are answered directly, the rest goes to Starlette."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request

from paddock.control.plane import Control
from paddock.core.errors import PaddockError
from paddock.core.people import May
from paddock.web import agent_cards, api, forges_api, identity, openapi, pages
from paddock.web.agents_api import AgentApi, Receive, Scope, Send
from paddock.web.guard import Guard
from paddock.web.problem import on_http_error, on_internal_error, on_paddock_error


class App:
    """Routes a request to the agents' API or to the operator's."""

    def __init__(self, control: Control) -> None:
        self._agents = AgentApi(control)
        inner = Starlette(
            routes=[*api.routes, *agent_cards.routes, *openapi.routes, *pages.routes],
            exception_handlers={
                PaddockError: on_paddock_error,
                HTTPException: on_http_error,
                Exception: on_internal_error,
            },
        )
        inner.state.control = control
        self._inner = inner
        self._operators = Guard(inner, control)
        self._submit = Guard(self._submit_directly, control)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if self._agents.takes(scope["method"], scope["path"]):
            await self._agents(scope, receive, send)
        elif (scope["method"], scope["path"]) == ("POST", "/v1/jobs"):
            await self._submit(scope, receive, send)
        elif scope["path"].startswith(forges_api.WEBHOOK):  # forges call from elsewhere; they prove who they are
            await self._inner(scope, receive, send)
        else:
            await self._operators(scope, receive, send)

    async def _submit_directly(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The one request of operators that stands on the way of every job skips the framework's layers."""
        request = Request({**scope, "app": self._inner}, receive)
        try:
            identity.check(request, May.WORK)
            response = await api.submit_jobs(request)
        except PaddockError as error:
            response = await on_paddock_error(request, error)
        await response(scope, receive, send)


def create_app(control: Control) -> App:
    """The ASGI app over a control plane."""
    return App(control)
