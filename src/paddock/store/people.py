"""The part of the contract by which people come in. Secrets are known here by their digests alone."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from paddock.core.people import Role
from paddock.store.records import Record


class Person(Record, frozen=True, kw_only=True):
    """One person. `password` is an argon2id hash, `subject` who they are at a provider; times are epoch ms."""

    id: str
    name: str
    role: Role
    password: str | None
    subject: str | None
    created: int
    disabled: int | None


class Login(Record, frozen=True, kw_only=True):
    """One session of a person."""

    hash: str
    person: str
    kind: str
    created: int
    seen: int
    # Milliseconds without use after which it is over.
    idle: int
    expires: int
    # When the person last proved who they are.
    proven: int
    address: str
    program: str


class ApiToken(Record, frozen=True, kw_only=True):
    """One token of a program; `scopes` are separated by spaces."""

    hash: str
    person: str
    label: str
    scopes: str
    created: int
    expires: int
    seen: int | None
    revoked: int | None


class Try(NamedTuple):
    """What a try to log in counts towards, and how many are free."""

    key: str
    free: int


class PeopleStore(Protocol):
    """People, their sessions and tokens. A person who is disabled has neither, from that very moment on."""

    async def people(self) -> Sequence[Person]: ...

    async def person(self, ref: str) -> Person:
        """By id or name. Raises: NotFound."""

    async def add_person(self, name: str, role: Role, link: str, expires: int, now: int) -> Person:
        """A person who sets a password with the link of this digest. Raises: Conflict when the name is taken."""

    async def person_of(self, subject: str, name: str, role: Role, now: int) -> Person:
        """Who a provider says it is, with the role it says; added at the first sight.

        Raises: Conflict when somebody else has the name, Refused when the person is disabled.
        """

    async def set_role(self, ref: str, role: Role, now: int) -> Person:
        """Raises: NotFound, Conflict when nobody would be left to own this."""

    async def set_disabled(self, ref: str, disabled: bool, now: int) -> Person:
        """Disabling ends every session and token. Raises: NotFound, Conflict when nobody would be left to own this."""

    async def add_link(self, ref: str, link: str, expires: int, now: int) -> Person:
        """Another link to set a password with; earlier ones are void. Raises: NotFound, Conflict."""

    async def offer_setup(self, link: str, expires: int, now: int) -> bool:
        """A link that makes the first owner; False when there is one."""

    async def set_up(self, link: str, name: str, password: str, now: int) -> Person:
        """Redeems a link: the first owner's with a name, or somebody's own. Every session of theirs ends.

        Raises: Unauthorised when the link is not good, Conflict when the name is taken.
        """

    async def link_of(self, link: str, now: int) -> str | None:
        """Whose a link is: a name, nothing for the first owner's, None when it is not good."""

    async def try_login(self, tries: Sequence[Try], now: int) -> int:
        """Counts a try before it is made; milliseconds to wait when it must not be made, and then it does not count."""

    async def open_login(self, login: Login, tries: Sequence[Try], instead_of: str, now: int) -> None:
        """Begins a session, in place of another; the tries were none: the first is forgotten, others count one less.

        Raises: Unauthorised when the person was disabled meanwhile.
        """

    async def login(self, digest: str, now: int) -> tuple[Login, Person] | None:
        """The session of a digest and whose it is, while both are good; it counts as used."""

    async def prove(self, digest: str, new: str, tries: Sequence[Try], now: int) -> bool:
        """The person has proved who they are; the session goes on under a new digest. False when it is over."""

    async def logins(self, person: str, now: int) -> Sequence[Login]:
        """The sessions of a person that are good."""

    async def end_login(self, start: str, person: str, now: int) -> int:
        """Ends the sessions of a person whose digests begin so; returns how many."""

    async def add_api_token(self, token: ApiToken) -> None: ...

    async def api_token(self, digest: str, now: int) -> tuple[ApiToken, Person] | None:
        """The token of a digest and whose it is, while both are good; it counts as used."""

    async def api_tokens(self, person: str) -> Sequence[ApiToken]:
        """The tokens of a person, the newest first; of everybody when empty."""

    async def revoke_api_token(self, ref: str, person: str, now: int) -> ApiToken:
        """By the start of a digest or a label; only of this person unless empty. Raises: NotFound."""

    async def keep_once(self, digest: str, kept: str, expires: int, now: int) -> None:
        """Keeps a text until it is taken, once."""

    async def take_once(self, digest: str, now: int) -> str | None:
        """The text that was kept, for whoever comes first; None when there is none or it is too late."""
