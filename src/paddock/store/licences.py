"""The part of the contract about licences, and the seats of the agents that work under them."""

from collections.abc import Collection
from typing import NamedTuple, Protocol

from paddock.core.licences import Licence


class Seat(NamedTuple):
    """An agent that counts towards its licence until then, in epoch milliseconds."""

    agent: str
    licence: str
    until: int


class LicenceStore(Protocol):
    """Licences by name. Of one that counts agents, no more of them have a seat at any moment than it says."""

    async def set_licence(self, licence: Licence, by: str, now: int) -> None: ...

    async def drop_licence(self, name: str, by: str, now: int) -> None:
        """Raises: NotFound, Conflict while agents other than terminal ones are under it."""

    async def licences(self) -> list[Licence]: ...

    async def take_seat(self, agent: str, licence: Licence, until: int, now: int) -> bool:
        """Takes a seat, or keeps the one that the agent has; False when all are taken."""

    async def keep_seats(self, agents: Collection[str], until: int, now: int) -> None:
        """Draws out the seats of agents that were seen."""

    async def draw_out_seats(self, until: int, now: int) -> None:
        """Draws out every seat that nobody else has taken: after an outage nobody could keep his."""

    async def free_seat(self, agent: str, now: int) -> None: ...

    async def seats(self, now: int) -> list[Seat]: ...
