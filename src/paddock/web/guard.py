"""Who may talk to the operator's API while it has no login: this machine's own people, through no foreign page."""

import ipaddress

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from paddock.control.pressure import Pressure
from paddock.core.errors import PaddockError, Refused
from paddock.web.problem import on_paddock_error

# Types that no form has.
_JSON = ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json")
_SAFE = ("GET", "HEAD", "OPTIONS")


class CrossSite(Refused):
    """The request comes from another site's page."""

    code = "cross_site"
    status = 403


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_of(value: str) -> str:
    return value.rsplit(":", 1)[0] if not value.endswith("]") else value


def check(method: str, headers: Headers) -> None:
    """Refuses rebound names and, for anything that changes state, other sites' pages and forms.

    Raises: CrossSite.
    """
    host = headers.get("host", "")
    if not is_loopback(_host_of(host)):
        raise CrossSite(f"the host {host[:80]!r} is not this machine", hint="use http://127.0.0.1")
    if method in _SAFE:
        return
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise CrossSite()
    origin = headers.get("origin")
    if origin is not None and origin.split("//", 1)[-1] != host:
        raise CrossSite()
    # Another site's page cannot send PUT, DELETE or a header of its own without asking first.
    if method in ("PUT", "DELETE") or "ce-id" in headers:
        return
    if headers.get("content-type", "").split(";")[0] not in _JSON:
        raise CrossSite("changes are made with JSON bodies", hint="send content-type: application/json")


class Guard:
    """ASGI middleware around the operator's API and the pages: who may ask, and whether it can be done now."""

    def __init__(self, app: ASGIApp, pressure: Pressure) -> None:
        self._app = app
        self._pressure = pressure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                check(scope["method"], Headers(scope=scope))
                if scope["method"] not in _SAFE:
                    self._pressure.admit("write")
            except PaddockError as error:
                response = await on_paddock_error(Request(scope), error)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
