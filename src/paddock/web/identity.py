"""Who makes a request: read from its cookie or its bearer, and what it may do held against what it asks for."""

import ipaddress
import time
from collections.abc import AsyncIterator
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from paddock.control import door
from paddock.control.door import Door, From
from paddock.control.plane import Control
from paddock.core.people import NOBODY, SESSION_MS, May, Who

WHO = "paddock.who"
# Under https a cookie that no other host and no plain-text page can set.
SECURE_COOKIE, PLAIN_COOKIE = "__Host-paddock", "paddock"
# Seconds between two looks at whether whoever reads a stream still may.
LOOK_S = 1.0


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_public(door: Door, host: str) -> bool:
    """Whether a Host header names the address that people use."""
    return bool(door.public) and host.lower() == urlsplit(door.public).netloc.lower()


def came_from(scope: Scope, headers: Headers, door: Door) -> From:
    """The address that a request comes from; a proxy of ours is believed about it, nobody else is."""
    client = scope.get("client")
    address = str(client[0]) if client else ""
    near = is_loopback(address)
    for hop in reversed([part.strip() for part in headers.get("x-forwarded-for", "").split(",")]):
        if not hop or not _ours(address, door.proxies):
            break
        address, near = hop[:45], False
    return From(address, near, headers.get("user-agent", "")[:100])


def _ours(address: str, proxies: tuple[str, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(network) for network in proxies)


def cookie_name(door: Door, host: str) -> str:
    """The name of the cookie under which a browser that uses this host keeps its session."""
    return SECURE_COOKIE if door.public.startswith("https:") and is_public(door, host) else PLAIN_COOKIE


def cookie_of(headers: Headers, name: str) -> str:
    """A cookie's value; empty when there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def set_cookie(response: Response, name: str, value: str, *, seconds: int = SESSION_MS // 1_000) -> None:
    """Sets a cookie that no script reads, or takes it away when the value is empty."""
    response.set_cookie(
        name,
        value,
        max_age=seconds if value else 0,
        path="/",
        secure=name.startswith("__Host-"),
        httponly=True,
        samesite="lax",
    )


async def identify(control: Control, scope: Scope, headers: Headers) -> Who:
    """Who makes a request; a bearer goes before a cookie."""
    came = came_from(scope, headers, control.door)
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if bearer and scheme.lower() == "bearer":
        return await door.who(control, bearer.strip(), came, browser=False)
    secret = cookie_of(headers, cookie_name(control.door, headers.get("host", "")))
    return await door.who(control, secret, came, browser=True) if secret else NOBODY


def who_of(request: Request) -> Who:
    """Who makes a request."""
    found: Who = request.scope.get(WHO, NOBODY)
    return found


def check(request: Request, may: May, *, dangerous: bool = False) -> None:
    """Raises: LoginNeeded, NotAllowed, ProofNeeded."""
    control: Control = request.app.state.control
    who_of(request).check(may, dangerous, control.clock.now())


async def while_allowed(request: Request, may: May, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A stream's parts for as long as whoever reads them may."""
    control: Control = request.app.state.control
    looked = time.monotonic()
    async for part in parts:
        if time.monotonic() - looked > LOOK_S:
            looked = time.monotonic()
            if may not in (await identify(control, request.scope, request.headers)).allowed:
                return
        yield part
