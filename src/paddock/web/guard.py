"""What every request of people passes: no foreign page, no foreign host, somebody known or nobody, and time for it."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paddock.control.door import Door
from paddock.control.plane import Control
from paddock.core.errors import PaddockError, Refused
from paddock.core.people import HERE, Who
from paddock.store.actor import ACTOR
from paddock.web.identity import WHO, identify, is_loopback, is_public
from paddock.web.problem import on_paddock_error

# Types that no form has.
_JSON = ("application/json", "application/cloudevents+json", "application/cloudevents-batch+json")
_SAFE = ("GET", "HEAD", "OPTIONS")
# For whatever does not say otherwise: what the API answers is data, never a page.
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}
_STRICT_TRANSPORT = "max-age=31536000"


class CrossSite(Refused):
    """The request comes from another site's page."""

    code = "cross_site"
    status = 403


def _host_of(value: str) -> str:
    return value.rsplit(":", 1)[0] if not value.endswith("]") else value


def check(method: str, headers: Headers, door: Door) -> None:
    """Refuses rebound names and, for anything that changes state, other sites' pages and forms.

    Raises: CrossSite.
    """
    host = headers.get("host", "")
    if not is_loopback(_host_of(host)) and not is_public(door, host):
        use = door.public or "http://127.0.0.1"
        raise CrossSite(f"the host {host[:80]!r} is not this control plane's", hint=f"use {use}")
    if method in _SAFE:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site not in (None, "none", "same-origin"):
        raise CrossSite()
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        raise CrossSite()
    if door.people and site is None and origin is None and "cookie" in headers and "authorization" not in headers:
        raise CrossSite("nothing says that this comes from a page of ours", hint="programs use an API token")
    # Another site's page cannot send PUT, DELETE or a header of its own without asking first.
    if method in ("PUT", "DELETE") or "ce-id" in headers:
        return
    if headers.get("content-type", "").split(";")[0] not in _JSON:
        raise CrossSite("changes are made with JSON bodies", hint="send content-type: application/json")


class Guard:
    """ASGI middleware around the operator's API and the pages: where it comes from, who asks, whether there is time."""

    def __init__(self, app: ASGIApp, control: Control) -> None:
        self._app = app
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self._control.door

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if door.public.startswith("https:"):
                    headers.setdefault("strict-transport-security", _STRICT_TRANSPORT)
            await send(message)

        try:
            headers = Headers(scope=scope)
            check(scope["method"], headers, door)
            who = await identify(self._control, scope, headers) if door.people else HERE
            if scope["method"] not in _SAFE:
                self._control.pressure.admit("write")
        except PaddockError as error:
            response = await on_paddock_error(Request(scope), error)
            await response(scope, receive, guarded)
            return
        await self._as(who, scope, receive, guarded)

    async def _as(self, who: Who, scope: Scope, receive: Receive, send: Send) -> None:
        scope[WHO] = who
        if not who.name:
            await self._app(scope, receive, send)
            return
        before = ACTOR.set(who.name)
        try:
            await self._app(scope, receive, send)
        finally:
            ACTOR.reset(before)
