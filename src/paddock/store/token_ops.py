"""The tokens' part of the contract over an engine."""

from collections.abc import Sequence

from paddock.core.errors import Unauthorised
from paddock.store.operations import Operations
from paddock.store.ops import tokens
from paddock.store.ops.work import records
from paddock.store.records import Agent
from paddock.store.tokens import PLAIN, Terms, Token


class TokenOps(Operations):
    """See `TokenStore`."""

    async def add_token(self, token_hash: str, label: str, now: int, expires: int, terms: Terms = PLAIN) -> None:
        await self._write(now, lambda work: tokens.add(work, token_hash, label, expires, terms))

    async def redeem(self, token_hash: str, public_key: str, name: str, now: int, address: str = "") -> Agent:
        agent = await self._write(now, lambda work: tokens.redeem(work, token_hash, public_key, name, address))
        if agent is None:
            raise Unauthorised("the activation token is not good", hint="mint a new one with `paddock token mint`")
        return agent

    async def minted(self, token_hash: str) -> int:
        row = await self._read(lambda tx: tx.one("token", hash=token_hash))
        return int(row["created"]) if row else 0

    async def owner_of(self, token_hash: str) -> tuple[str | None, str | None]:
        row = await self._read(lambda tx: tx.one("token", hash=token_hash))
        return (row["agent"], row["used_key"]) if row else (None, None)

    async def tokens(self, most: int) -> Sequence[Token]:
        return records(Token, await self._read(lambda tx: tx.all("tokens", most=most)))

    async def revoke_token(self, ref: str, by: str, now: int) -> Token:
        return await self._write(now, lambda work: tokens.revoke(work, ref, by))
