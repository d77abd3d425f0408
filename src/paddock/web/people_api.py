"""People over HTTP: logging in and out, setting up, roles, sessions, API tokens."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock.control import door, people
from paddock.core.errors import Conflict
from paddock.core.people import May, way_on
from paddock.web import identity
from paddock.web.endpoint import Endpoint, control_of, json_of
from paddock.web.identity import who_of


def _private(told: Any, status: int = 200) -> JSONResponse:
    return JSONResponse(told, status_code=status, headers={"Cache-Control": "no-store"})


def _cookie(request: Request) -> str:
    return identity.cookie_name(control_of(request).door, request.headers.get("host", ""))


async def log_in(request: Request) -> Response:
    control, given = control_of(request), await json_of(request)
    came = identity.came_from(request.scope, request.headers, control.door)
    cookie = _cookie(request)
    secret, person = await door.log_in(control, given, came, instead_of=identity.cookie_of(request.headers, cookie))
    told = {"name": person.name, "role": person.role, "go": way_on(given.get("next"))}
    if given.get("kind") == door.CLI:
        return _private({**told, "session": secret})
    response = _private(told)
    identity.set_cookie(response, cookie, secret)
    return response


async def log_out(request: Request) -> Response:
    await door.log_out(control_of(request), who_of(request))
    response = _private({"go": "/login"})
    identity.set_cookie(response, _cookie(request), "")
    return response


async def prove(request: Request) -> Response:
    control, who = control_of(request), who_of(request)
    came = identity.came_from(request.scope, request.headers, control.door)
    secret = await door.prove(control, who, await json_of(request), came)
    response = _private({"ok": True} if who.browser else {"session": secret})
    if who.browser:
        identity.set_cookie(response, _cookie(request), secret)
    return response


async def set_up(request: Request) -> Response:
    control = control_of(request)
    person = await people.set_up(control, await json_of(request))
    return _private({"name": person.name, "role": person.role, "go": "/login"}, 201)


async def link_of(request: Request) -> Response:
    return _private(await people.link_of(control_of(request), await json_of(request)))


async def me(request: Request) -> Response:
    who = who_of(request)
    return _private({"name": who.name, "role": who.role, "allowed": sorted(who.allowed), "person": who.person})


async def list_people(request: Request) -> Response:
    return _private([people.view(person) for person in await control_of(request).store.people()])


async def add_person(request: Request) -> Response:
    return _private(await people.add(control_of(request), await json_of(request)), 201)


async def set_role(request: Request) -> Response:
    return _private(await people.set_role(control_of(request), request.path_params["ref"], await json_of(request)))


async def set_disabled(request: Request) -> Response:
    control = control_of(request)
    return _private(await people.set_disabled(control, request.path_params["ref"], await json_of(request)))


async def new_link(request: Request) -> Response:
    return _private(await people.new_link(control_of(request), request.path_params["ref"]), 201)


async def list_sessions(request: Request) -> Response:
    return _private(await people.sessions(control_of(request), request.path_params["ref"]))


async def end_sessions(request: Request) -> Response:
    control = control_of(request)
    return _private(await people.end_sessions(control, request.path_params["ref"], await json_of(request)))


def _self(request: Request) -> str:
    """Raises: Conflict for whoever is no person."""
    if not who_of(request).person:
        raise Conflict("only people have sessions", hint="`paddock login` begins one")
    return who_of(request).person


async def my_sessions(request: Request) -> Response:
    return _private(await people.sessions(control_of(request), _self(request)))


async def end_mine(request: Request) -> Response:
    return _private(await people.end_sessions(control_of(request), _self(request), await json_of(request)))


async def list_api_tokens(request: Request) -> Response:
    return _private(await people.tokens(control_of(request), who_of(request)))


async def mint_api_token(request: Request) -> Response:
    return _private(await people.mint(control_of(request), who_of(request), await json_of(request)), 201)


async def revoke_api_token(request: Request) -> Response:
    return _private(await people.revoke(control_of(request), who_of(request), request.path_params["ref"]))


_TOKEN = {"label": "string", "scopes": "array", "days": "integer"}

ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/login",
        "Begins a session: a cookie for browsers, with kind `cli` a secret to be sent as bearer",
        log_in,
        body={"name": "string", "password": "string", "kind": "string", "next": "string"},
        may=May.ANYBODY,
    ),
    Endpoint("POST", "/v1/logout", "Ends the session that asks", log_out, may=May.ANYBODY),
    Endpoint(
        "POST",
        "/v1/proof",
        "One's password again, for what is dangerous; the session goes on under a new secret",
        prove,
        body={"password": "string"},
        may=May.OWN,
    ),
    Endpoint(
        "POST",
        "/v1/set-up",
        "Redeems a one-time link: sets a password, and the name of the first owner",
        set_up,
        body={"link": "string", "name": "string", "password": "string"},
        may=May.ANYBODY,
    ),
    Endpoint("POST", "/v1/set-up/link", "Whose a one-time link is", link_of, body={"link": "string"}, may=May.ANYBODY),
    Endpoint("GET", "/v1/me", "Who asks, and what they may do", me, may=May.READ),
    Endpoint("GET", "/v1/me/sessions", "One's own sessions", my_sessions, may=May.OWN),
    Endpoint(
        "POST",
        "/v1/me/sessions/end",
        "Ends one of one's sessions by its id, or all",
        end_mine,
        body={"session": "string"},
        may=May.OWN,
    ),
    Endpoint("GET", "/v1/people", "Everybody", list_people, may=May.PEOPLE),
    Endpoint(
        "POST",
        "/v1/people",
        "Adds a person; the answer has the link by which they set a password",
        add_person,
        body={"name": "string", "role": "string"},
        may=May.PEOPLE,
        dangerous=True,
    ),
    Endpoint(
        "POST",
        "/v1/people/{ref}/role",
        "Gives a person another role",
        set_role,
        body={"role": "string"},
        may=May.PEOPLE,
        dangerous=True,
    ),
    Endpoint(
        "POST",
        "/v1/people/{ref}/disable",
        "Disables a person, which ends their sessions and tokens, or enables them again",
        set_disabled,
        body={"disabled": "boolean"},
        may=May.PEOPLE,
        dangerous=True,
    ),
    Endpoint(
        "POST",
        "/v1/people/{ref}/link",
        "Another link by which a person sets a password",
        new_link,
        may=May.PEOPLE,
        dangerous=True,
    ),
    Endpoint("GET", "/v1/people/{ref}/sessions", "A person's sessions", list_sessions, may=May.PEOPLE),
    Endpoint(
        "POST",
        "/v1/people/{ref}/sessions/end",
        "Ends one of a person's sessions by its id, or all",
        end_sessions,
        body={"session": "string"},
        may=May.PEOPLE,
    ),
    Endpoint("GET", "/v1/api-tokens", "One's API tokens, without their secrets", list_api_tokens, may=May.OWN),
    Endpoint(
        "POST",
        "/v1/api-tokens",
        "Mints an API token that may do no more than its owner",
        mint_api_token,
        body=_TOKEN,
        may=May.OWN,
        dangerous=True,
    ),
    Endpoint("POST", "/v1/api-tokens/{ref}/revoke", "Makes an API token worthless", revoke_api_token, may=May.OWN),
)
