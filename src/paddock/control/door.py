"""Who comes in: secrets looked up, passwords tried, sessions begun and ended."""

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from paddock.control.passwords import Passwords
from paddock.core import people
from paddock.core.errors import BadInput, Conflict, NotFound, PaddockError, Unauthorised
from paddock.core.people import ALLOWED, HERE, NOBODY, OPERATOR, May, Role, Who
from paddock.store.people import Login, Person, Try

if TYPE_CHECKING:
    from paddock.control.oidc import Provider
    from paddock.control.plane import Control

SESSION, API_TOKEN, HOST_TOKEN = "pds_", "pdt_", "pdo_"
BROWSER, CLI = "browser", "cli"


class LoginOff(Conflict):
    """Nobody logs in here: whoever reaches this address on this machine is the operator."""

    code = "login_off"
    hint = "start the control plane with --auth people"


class LoginFailed(Unauthorised):
    """The name or the password is wrong."""

    code = "login_failed"


class TooManyTries(PaddockError):
    """Too many tries to log in have failed; wait before the next."""

    code = "too_many_tries"
    status = 429
    exit_code = 4

    def __init__(self, wait_ms: int) -> None:
        super().__init__(hint=f"try again in {-(-wait_ms // 1_000)} s")
        self.retry_after = max(1, -(-wait_ms // 1_000))


class From(NamedTuple):
    """Where a request comes from: an address, and whether that is this machine."""

    address: str
    near: bool
    program: str = ""


@dataclass(kw_only=True)
class Door:
    """How people come in. `public` is the address they use, https://…; empty where that is the loopback's."""

    people: bool = False
    public: str = ""
    # Networks of proxies that are believed when they say whom they ask for.
    proxies: tuple[str, ...] = ()
    # The digest of the token in a file that only this host's operator reads; empty: none.
    host_token: str = ""
    provider: "Provider | None" = None
    passwords: Passwords = field(default_factory=Passwords)


def digest(secret: str) -> str:
    """What the store knows a secret by."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


async def who(control: "Control", secret: str, came: From, *, browser: bool) -> Who:
    """Whose a secret is. Nobody's when it is not good, and when a browser shows another's or the other way round."""
    door = control.door
    if not door.people:
        return HERE
    if browser or secret.startswith(SESSION):
        found = await control.store.login(digest(secret), control.clock.now())
        if found is None or (found[0].kind == BROWSER) is not browser:
            return NOBODY
        login, person = found
        return Who(
            person.name, person.role, ALLOWED[person.role], person.id, login.hash, proven=login.proven, browser=browser
        )
    if secret.startswith(HOST_TOKEN) and came.near and door.host_token:
        same = hmac.compare_digest(digest(secret), door.host_token)
        return Who(OPERATOR, Role.OWNER, frozenset(May)) if same else NOBODY
    if secret.startswith(API_TOKEN):
        token = await control.store.api_token(digest(secret), control.clock.now())
        if token is not None:
            kept, person = token
            return Who(person.name, person.role, people.held(kept.scopes.split(), person.role), person.id)
    return NOBODY


async def log_in(control: "Control", given: Any, came: From, *, instead_of: str = "") -> tuple[str, Person]:
    """A fresh session for a name and a password: its secret. The session of `instead_of` ends.

    Raises: LoginOff, LoginFailed, TooManyTries, BadInput, Overloaded.
    """
    _open(control)
    name, password = _text(given, "name", 100), _text(given, "password", people.MOST_PASSWORD)
    kind = CLI if given.get("kind") == CLI else BROWSER
    tries = tries_of(name, came.address)
    person = await _tried(control, name, password, tries)
    return await begin(control, person, kind, came, tries, instead_of), person


async def begin(
    control: "Control", person: Person, kind: str, came: From, tries: tuple[Try, ...], instead_of: str, age: int = 0
) -> str:
    """A session for somebody who has proved who they are, `age` milliseconds ago; its secret."""
    secret, now = SESSION + secrets.token_urlsafe(32), control.clock.now()
    login = Login(
        hash=digest(secret),
        person=person.id,
        kind=kind,
        created=now,
        seen=now,
        idle=people.IDLE_MS if kind == BROWSER else people.SESSION_MS,
        expires=now + people.SESSION_MS,
        proven=now - age,
        address=came.address,
        program=came.program[:100],
    )
    await control.store.open_login(login, tries, digest(instead_of) if instead_of else "", now)
    return secret


async def prove(control: "Control", by: Who, given: Any, came: From) -> str:
    """Somebody's password again; their session goes on under the secret that comes back.

    Raises: LoginFailed, TooManyTries, BadInput, Conflict when there is no session to prove something in.
    """
    if not by.session:
        raise Conflict("only a person's own session needs a password again")
    tries = tries_of(by.name, came.address)
    person = await _tried(control, by.name, _text(given, "password", people.MOST_PASSWORD), tries)
    secret = SESSION + secrets.token_urlsafe(32)
    if person.id != by.person or not await control.store.prove(by.session, digest(secret), tries, control.clock.now()):
        raise people.LoginNeeded
    return secret


async def log_out(control: "Control", by: Who) -> None:
    """Ends the session that asks for it."""
    if by.session:
        await control.store.end_login(by.session, by.person, control.clock.now())


async def _tried(control: "Control", name: str, password: str, tries: tuple[Try, ...]) -> Person:
    """The person whose password it is; the same work is done whether there is one or not."""
    wait = await control.store.try_login(tries, control.clock.now())
    if wait:
        raise TooManyTries(wait)
    try:
        person: Person | None = await control.store.person(name)
    except NotFound:
        person = None
    if person is not None and (person.name != name or person.disabled is not None):
        person = None
    if not await control.door.passwords.verify(person.password if person else None, password) or person is None:
        raise LoginFailed
    return person


def tries_of(name: str, address: str) -> tuple[Try, ...]:
    """What a try counts towards. Names are kept as digests: now and then one of them is a password."""
    return Try(f"name {digest(name)[:16]}", people.NAME_TRIES), Try(f"address {_block(address)}", people.ADDRESS_TRIES)


def _block(address: str) -> str:
    """An address; of IPv6 the network that one customer gets."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def _open(control: "Control") -> None:
    if not control.door.people:
        raise LoginOff


def _text(given: Any, name: str, most: int) -> str:
    found = given.get(name) if isinstance(given, dict) else None
    if not isinstance(found, str) or not found or len(found) > most:
        raise BadInput(f"{name}: expected a text of at most {most} characters", where=name)
    return found
