"""The driver's part of the contract about forges."""

from collections.abc import Mapping
from typing import Any

import msgspec

from paddock.store.engine import Glance
from paddock.store.forging import ForgeRow, Intent, Settled, What
from paddock.store.operations import Operations
from paddock.store.ops import forging
from paddock.store.ops.work import record, records
from paddock.store.statements import Tx


class ForgeOps(Operations):
    """See `ForgeStore`."""

    async def forges(self) -> list[ForgeRow]:
        return await self._read(Glance(forging.listed))

    async def set_forge(self, row: ForgeRow, now: int) -> None:
        await self._write(now, lambda work: forging.set_forge(work, row))

    async def remove_forge(self, project: str, by: str, now: int) -> None:
        await self._write(now, lambda work: forging.remove_forge(work, project, by))

    async def forge_plan(self, now: int) -> int | None:
        if await self._read(forging.unplanned):
            await self._write(now, forging.plan)
        return await self._read(forging.next_due)

    async def forge_claim(
        self, account: str, holder: str, now: int, ttl: int
    ) -> tuple[Intent | None, dict[str, Any] | None]:
        return await self._write(now, lambda work: forging.claim(work, account, holder, ttl))

    async def forge_settle(
        self, intent: Intent, settled: Settled, account: str, quota: Mapping[str, Any], now: int
    ) -> bool:
        return await self._write(now, lambda work: forging.settle(work, intent, settled, account, quota))

    async def forge_defer(self, account: str, until: int, now: int) -> None:
        await self._write(now, lambda work: work.tx.run("defer_forge", account=account, until=until))

    async def forge_quotas(self) -> dict[str, dict[str, Any]]:
        rows = await self._read(lambda tx: tx.all("forge_quotas"))
        return {row["account"]: msgspec.json.decode(row["quota"]) for row in rows}

    async def forge_polls(self, project: str, now: int, again: int) -> bool:
        return bool(
            await self._write(now, lambda work: work.tx.run("forge_poll", project=project, now=work.now, next=again))
        )

    async def forge_moved(self, project: str, stamps: Mapping[str, str], whole: bool, now: int) -> int:
        return await self._write(now, lambda work: forging.moved(work, project, stamps, whole=whole))

    async def forge_heard(self, project: str, digest: str, number: str, now: int) -> bool:
        return await self._write(now, lambda work: forging.heard(work, project, digest, number))

    async def forge_intents(self, project: str, most: int) -> list[Intent]:
        return await self._read(lambda tx: records(Intent, tx.all("forge_intents_of", project=project, most=most)))

    async def forge_intent(self, ident: str) -> Intent | None:
        def op(tx: Tx) -> Intent | None:
            row = tx.one("forge_intent", id=ident)
            return record(Intent, row) if row else None

        return await self._read(op)

    async def forge_ask(self, what: What, subject: str, change: str, text: str, by: str, now: int) -> Intent:
        return await self._write(now, lambda work: forging.ask(work, what, subject, change, text, by))

    async def forge_approve(self, change: str, head: str, by: str, note: str, now: int) -> bool:
        return await self._write(now, lambda work: forging.approve(work, change, head, by, note))

    async def forge_withdraw(self, change: str, by: str, now: int) -> bool:
        return await self._write(now, lambda work: forging.withdraw(work, change, by))

    async def forge_merged(self, change: str, commit: str, now: int) -> bool:
        return await self._write(now, lambda work: forging.merged(work, change, commit))

    async def forge_unmerged(self, change: str, reason: str, now: int) -> bool:
        return await self._write(now, lambda work: forging.unmerged(work, change, reason))
