"""The part of the contract by which agents come in."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from paddock.core.tokens import Binding
from paddock.store.records import Agent, Record


class Terms(NamedTuple):
    """What a token gives its agent, and where it may be redeemed; empty `network`: everywhere."""

    labels: Mapping[str, str] = {}
    channel: str = "stable"
    network: str = ""
    binding: Binding = Binding.OPTIONAL
    # The licence of its agent; empty for the default one.
    licence: str = ""


PLAIN = Terms()


class Token(Record, frozen=True, kw_only=True):
    """One activation token; what it is made of is its digest. Times are epoch milliseconds."""

    hash: str
    label: str
    created: int
    expires: int
    used_at: int | None
    used_key: str | None
    agent: str | None
    labels: dict[str, Any]
    channel: str
    network: str
    binding: Binding
    licence: str
    revoked: int | None


class TokenStore(Protocol):
    """Activation tokens. A token makes one agent, whoever comes first."""

    async def add_token(self, token_hash: str, label: str, now: int, expires: int, terms: Terms = PLAIN) -> None: ...

    async def redeem(self, token_hash: str, public_key: str, name: str, now: int, address: str = "") -> Agent:
        """The agent that a token makes for a key. Raises: Unauthorised, with one message whatever the reason."""

    async def minted(self, token_hash: str) -> int:
        """When a token was minted; 0 for one that is unknown."""

    async def owner_of(self, token_hash: str) -> tuple[str | None, str | None]:
        """The agent that a token made and the key of it; nothing for one that is unknown or was not used."""

    async def tokens(self, most: int) -> Sequence[Token]:
        """The newest tokens."""

    async def revoke_token(self, ref: str, by: str, now: int) -> Token:
        """Makes a token worthless, by the start of its digest or its label. Raises: NotFound, Conflict."""
