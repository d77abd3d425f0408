"""People and the tokens of their programs, for those who manage them."""

import secrets
from typing import Any

from paddock.control.door import API_TOKEN, digest
from paddock.control.plane import Control
from paddock.core import people
from paddock.core.errors import BadInput, Refused
from paddock.core.people import LINK_MS, Role, Who
from paddock.store.people import ApiToken, Login, Person

# Characters of a digest by which people name a session or a token.
REF = 12


def _link() -> str:
    return secrets.token_urlsafe(24)


async def offer_setup(control: Control) -> str:
    """A link's secret that makes the first owner, once; empty when there is an owner."""
    link, now = _link(), control.clock.now()
    return link if await control.store.offer_setup(digest(link), now + LINK_MS, now) else ""


async def set_up(control: Control, given: Any) -> Person:
    """Redeems a link with a password, and for the first owner with a name. Raises: BadInput, Unauthorised, Conflict."""
    given = given if isinstance(given, dict) else {}
    link = given.get("link")
    if not isinstance(link, str) or not link or len(link) > 100:
        raise BadInput("link: expected what stands behind # in the link", where="link")
    password = people.password(given.get("password"))
    known = await control.store.link_of(digest(link), control.clock.now())
    name = people.name(given.get("name")) if known == "" else ""
    # A link that is not good costs no hash, and is refused below.
    kept = await control.door.passwords.hash(password) if known is not None else ""
    return await control.store.set_up(digest(link), name, kept, control.clock.now())


async def link_of(control: Control, given: Any) -> dict[str, Any]:
    """Whose a link is; an empty name for the first owner's. Raises: BadInput."""
    link = given.get("link") if isinstance(given, dict) else None
    if not isinstance(link, str) or len(link) > 100:
        raise BadInput("link: expected a text", where="link")
    found = await control.store.link_of(digest(link), control.clock.now())
    return {"good": found is not None, "name": found or ""}


async def add(control: Control, given: Any) -> dict[str, Any]:
    """Somebody new, and the link to send them. Raises: BadInput, Conflict."""
    given = given if isinstance(given, dict) else {}
    name, role = people.name(given.get("name")), people.role(given.get("role", Role.VIEWER))
    link, now = _link(), control.clock.now()
    person = await control.store.add_person(name, role, digest(link), now + LINK_MS, now)
    return view(person) | _with_link(control, link, now)


async def new_link(control: Control, ref: str) -> dict[str, Any]:
    """Another link to set a password with. Raises: NotFound, Conflict."""
    link, now = _link(), control.clock.now()
    person = await control.store.add_link(ref, digest(link), now + LINK_MS, now)
    return view(person) | _with_link(control, link, now)


def _with_link(control: Control, link: str, now: int) -> dict[str, Any]:
    return {"link": f"{control.door.public}/setup#{link}", "expires": now + LINK_MS}


async def set_role(control: Control, ref: str, given: Any) -> dict[str, Any]:
    """Raises: BadInput, NotFound, Conflict."""
    role = people.role(given.get("role") if isinstance(given, dict) else None)
    return view(await control.store.set_role(ref, role, control.clock.now()))


async def set_disabled(control: Control, ref: str, given: Any) -> dict[str, Any]:
    """Raises: BadInput, NotFound, Conflict."""
    disabled = given.get("disabled", True) if isinstance(given, dict) else None
    if not isinstance(disabled, bool):
        raise BadInput("disabled: expected true or false", where="disabled")
    return view(await control.store.set_disabled(ref, disabled, control.clock.now()))


async def sessions(control: Control, ref: str) -> list[dict[str, Any]]:
    """The sessions of a person. Raises: NotFound."""
    person = await control.store.person(ref)
    return [login_view(one) for one in await control.store.logins(person.id, control.clock.now())]


async def end_sessions(control: Control, ref: str, given: Any) -> dict[str, Any]:
    """Ends one session of a person by its id, or all of them. Raises: NotFound, BadInput."""
    person = await control.store.person(ref)
    session = given.get("session", "") if isinstance(given, dict) else None
    if not isinstance(session, str) or len(session) > 100 or (session and len(session) < REF):
        raise BadInput("session: expected the id of a session, or nothing for all", where="session")
    mine = [one.hash for one in await control.store.logins(person.id, control.clock.now())]
    ended = 0
    for known in mine:
        if known.startswith(session):
            ended += await control.store.end_login(known, person.id, control.clock.now())
    return {"person": person.name, "ended": ended}


async def mint(control: Control, by: Who, given: Any) -> dict[str, Any]:
    """A fresh API token of whoever asks; told here and nowhere else. Raises: BadInput, NotAllowed, Refused."""
    if not by.person:
        raise Refused("API tokens belong to people", hint="log in with `paddock login` and mint it then")
    given = given if isinstance(given, dict) else {}
    label = given.get("label", "")
    if not isinstance(label, str) or len(label) > 100 or any(ord(c) < 32 for c in label):
        raise BadInput("label: expected a text of at most 100 characters", where="label")
    asked = given.get("scopes", ["read"])
    scopes = people.scopes(asked.split() if isinstance(asked, str) else asked, by.role)
    days = given.get("days", people.TOKEN_DAYS)
    days = int(days) if isinstance(days, str) and days.isascii() and days.isdigit() else days
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= people.MOST_TOKEN_DAYS:
        raise BadInput(f"days: expected 1 to {people.MOST_TOKEN_DAYS}", where="days")
    secret, now = API_TOKEN + secrets.token_urlsafe(32), control.clock.now()
    token = ApiToken(
        hash=digest(secret),
        person=by.person,
        label=label,
        scopes=" ".join(scopes),
        created=now,
        expires=now + days * people.DAY_MS,
        seen=None,
        revoked=None,
    )
    await control.store.add_api_token(token)
    return {"token": secret, **token_view(token, by.name, now)}


async def tokens(control: Control, by: Who) -> list[dict[str, Any]]:
    """One's own API tokens; everybody's for those who manage people."""
    every = people.May.PEOPLE in by.allowed
    names = {person.id: person.name for person in await control.store.people()}
    now = control.clock.now()
    found = await control.store.api_tokens("" if every else by.person or "nobody")
    return [token_view(token, names.get(token.person, ""), now) for token in found]


async def revoke(control: Control, by: Who, ref: str) -> dict[str, Any]:
    """Makes an API token worthless. Raises: NotFound."""
    every = people.May.PEOPLE in by.allowed
    now = control.clock.now()
    token = await control.store.revoke_api_token(ref, "" if every else by.person or "nobody", now)
    return token_view(token, (await control.store.person(token.person)).name, now)


def view(person: Person) -> dict[str, Any]:
    """A person as JSON."""
    how = "provider" if person.subject else "password" if person.password else "not yet"
    state = "disabled" if person.disabled is not None else "active" if how != "not yet" else "invited"
    return {
        "id": person.id,
        "name": person.name,
        "role": person.role,
        "state": state,
        "login": how,
        "created": person.created,
        "disabled": person.disabled,
    }


def login_view(login: Login) -> dict[str, Any]:
    """A session as JSON."""
    return {
        "id": login.hash[:REF],
        "kind": login.kind,
        "created": login.created,
        "seen": login.seen,
        "expires": min(login.expires, login.seen + login.idle),
        "address": login.address,
        "program": login.program,
    }


def token_view(token: ApiToken, owner: str, now: int) -> dict[str, Any]:
    """An API token as JSON, without its secret."""
    state = "revoked" if token.revoked is not None else "ready" if now < token.expires else "expired"
    return {
        "id": token.hash[:REF],
        "person": owner,
        "label": token.label,
        "scopes": token.scopes.split(),
        "state": state,
        "created": token.created,
        "expires": token.expires,
        "seen": token.seen,
        "revoked": token.revoked,
    }
