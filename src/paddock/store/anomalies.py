"""The part of the contract that keeps what was found about agents, and where they stand."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from paddock.core.anomalies import Standing
from paddock.core.rolling import Roll
from paddock.store.records import Agent, Record


class Anomaly(Record, frozen=True, kw_only=True):
    """One finding about an agent; times are epoch milliseconds."""

    id: str
    type: str
    agent: str
    first: int
    last: int
    times: int
    facts: dict[str, Any]
    resolved: int | None
    by: str
    note: str


class Verdict(NamedTuple):
    """An anomaly, and the agent when where it stands has changed by it."""

    anomaly: Anomaly
    moved: Agent | None


class AnomalyStore(Protocol):
    """What was found about agents. An agent that leaves the active ones loses its leases in the same transaction."""

    async def raise_anomaly(self, type_: str, agent: str, facts: dict[str, object], times: int, now: int) -> Verdict:
        """Notes an anomaly, or once more the one of this type that is open. Raises: NotFound for an unknown agent."""

    async def resolve_anomaly(self, anomaly: str, by: str, note: str, now: int) -> Verdict:
        """Closes an anomaly; the agent works again when none is left that keeps it. Raises: NotFound, Conflict."""

    async def set_standing(self, agent: str, standing: Standing, reason: str, by: str, now: int) -> Agent | None:
        """Moves an agent; None when it stands there already, or is terminal. Raises: NotFound."""

    async def roll(self, agent: str, before: Roll, after: Roll, now: int) -> bool:
        """Keeps what is known of an agent's rolling state; False when it is not `before` that is kept."""

    async def bind(self, agent: str, fingerprint: Mapping[str, str], changed: Sequence[str], now: int) -> None:
        """Binds an agent to a host; `changed` names the parts that are not as they were."""

    async def anomaly(self, anomaly: str) -> Anomaly: ...
    async def anomalies(self, *, every: bool, most: int) -> Sequence[Anomaly]:
        """Those that are open, or every one, the latest first."""
