"""The secrets' part of the contract over an engine."""

from paddock.store.operations import Operations
from paddock.store.ops import secrets
from paddock.store.secrets import Kept


class SecretOps(Operations):
    """See `SecretStore`."""

    async def set_secret(self, project: str, name: str, sealed: str, by: str, now: int) -> None:
        await self._write(now, lambda work: secrets.put(work, project, name, sealed, by))

    async def drop_secret(self, project: str, name: str, by: str, now: int) -> None:
        await self._write(now, lambda work: secrets.drop(work, project, name, by))

    async def secrets(self) -> list[Kept]:
        return await self._read(secrets.all_of)
