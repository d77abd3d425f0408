"""What the pages of people show: the login, the set-up, oneself, and everybody."""

from typing import Any

from starlette.requests import Request

from paddock.control import people
from paddock.control.plane import Control
from paddock.core.people import ABOUT, ALLOWED, SCOPES, May, Role, way_on
from paddock.web.identity import who_of


async def login(control: Control, request: Request) -> dict[str, Any]:
    """The form, and whether a provider can be asked instead."""
    provider = control.door.provider
    return {
        "next": way_on(request.query_params.get("next")),
        "on": control.door.people,
        "provider": provider.name if provider else "",
        "failed": request.query_params.get("failed", "")[:200],
    }


async def set_up(control: Control, _request: Request) -> dict[str, Any]:
    """The form; the link's secret stands behind # and never comes here."""
    return {"on": control.door.people}


async def oneself(control: Control, request: Request) -> dict[str, Any]:
    """One's own sessions and API tokens."""
    who = who_of(request)
    own = await people.tokens(control, who) if who.person else []
    return {
        "me": {"name": who.name, "role": who.role, "person": who.person},
        "sessions": await people.sessions(control, who.person) if who.person else [],
        "current": who.session[: people.REF],
        "tokens": [token for token in own if token["person"] == who.name],
        "scopes": {scope.value: ABOUT[scope] for scope in SCOPES if scope in ALLOWED[who.role]},
    }


async def everybody(control: Control, _request: Request) -> dict[str, Any]:
    """People with their roles, and what each role may do."""
    roles = {role.value: [may.value for may in May if may in ALLOWED[role] and may is not May.ANYBODY] for role in Role}
    return {"people": [people.view(person) for person in await control.store.people()], "roles": roles}
