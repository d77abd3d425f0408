"""The two addresses of a login at an OpenID provider: on the way there, and on the way back."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from paddock.control import oidc
from paddock.core.errors import PaddockError
from paddock.core.people import OIDC_MS, May
from paddock.web import identity, render
from paddock.web.endpoint import Endpoint, control_of


def _cookies(request: Request) -> tuple[str, str]:
    """The names of the session's cookie and of the one that a login under way is known by."""
    name = identity.cookie_name(control_of(request).door, request.headers.get("host", ""))
    return name, f"{name}-oidc"


async def begin(request: Request) -> Response:
    url, secret = await oidc.begin(control_of(request), request.query_params.get("next", "/"))
    response = RedirectResponse(url, 303, render.HEADERS)
    identity.set_cookie(response, _cookies(request)[1], secret, seconds=OIDC_MS // 1_000)
    return response


async def finish(request: Request) -> Response:
    control, (session, under_way) = control_of(request), _cookies(request)
    came = identity.came_from(request.scope, request.headers, control.door)
    given = {name: value[:4_000] for name, value in request.query_params.items()}
    headers = request.headers
    secret = identity.cookie_of(headers, under_way)
    try:
        made, way = await oidc.finish(control, secret, given, came, identity.cookie_of(headers, session))
    except PaddockError as error:
        response: Response = RedirectResponse(render.link("/login", failed=error.message), 303, render.HEADERS)
    else:
        response = RedirectResponse(way, 303, render.HEADERS)
        identity.set_cookie(response, session, made)
    identity.set_cookie(response, under_way, "")
    return response


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/oidc/login",
        "Sends a browser to the OpenID provider",
        begin,
        query={"next": "string"},
        may=May.ANYBODY,
    ),
    Endpoint(
        "GET",
        "/v1/oidc/callback",
        "Where the provider sends it back to",
        finish,
        query={"code": "string", "state": "string", "iss": "string", "error": "string"},
        may=May.ANYBODY,
    ),
)
