"""The anomalies' part of the contract over an engine."""

from collections.abc import Mapping, Sequence

from paddock.core.anomalies import Standing
from paddock.core.rolling import Roll
from paddock.store.anomalies import Anomaly, Verdict
from paddock.store.operations import Operations
from paddock.store.ops import anomalies
from paddock.store.ops.work import records, to_json
from paddock.store.records import Agent


class AnomalyOps(Operations):
    """See `AnomalyStore`."""

    async def raise_anomaly(self, type_: str, agent: str, facts: dict[str, object], times: int, now: int) -> Verdict:
        return await self._write(now, lambda work: anomalies.note(work, type_, agent, facts, times))

    async def resolve_anomaly(self, anomaly: str, by: str, note: str, now: int) -> Verdict:
        return await self._write(now, lambda work: anomalies.resolve(work, anomaly, by, note))

    async def set_standing(self, agent: str, standing: Standing, reason: str, by: str, now: int) -> Agent | None:
        return await self._write(now, lambda work: anomalies.move(work, agent, standing, reason, by))

    async def roll(self, agent: str, before: Roll, after: Roll, now: int) -> bool:
        values = {"agent": agent, "before": to_json(before), "after": to_json(after)}
        return await self._write(now, lambda work: work.tx.run("roll", **values) == 1)

    async def bind(self, agent: str, fingerprint: Mapping[str, str], changed: Sequence[str], now: int) -> None:
        await self._write(now, lambda work: anomalies.bind(work, agent, fingerprint, changed))

    async def anomaly(self, anomaly: str) -> Anomaly:
        return await self._read(lambda tx: anomalies.find(tx, anomaly))

    async def anomalies(self, *, every: bool, most: int) -> Sequence[Anomaly]:
        return records(Anomaly, await self._read(lambda tx: tx.all("anomalies", every=int(every), most=most)))
