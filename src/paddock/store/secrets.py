"""The part of the contract about secrets that jobs name."""

from typing import NamedTuple, Protocol


class Kept(NamedTuple):
    """One secret of a project; `sealed` is its encrypted value. Times are epoch milliseconds."""

    project: str
    name: str
    sealed: str
    changed: int
    set_by: str


class SecretStore(Protocol):
    """Secrets by project and name. The store never sees a value."""

    async def set_secret(self, project: str, name: str, sealed: str, by: str, now: int) -> None:
        """Raises: NotFound for a project that is none."""

    async def drop_secret(self, project: str, name: str, by: str, now: int) -> None:
        """Raises: NotFound."""

    async def secrets(self) -> list[Kept]: ...
