"""The driver's part of the contract about reviews."""

from paddock.core.findings import FindingState
from paddock.core.reviewing import Rules
from paddock.store.engine import Glance
from paddock.store.operations import Operations
from paddock.store.ops import judging, reviewing, reviewing_pace
from paddock.store.ops.reading import find_project
from paddock.store.reviews import Finding, FindingFilter, Queued, Standing
from paddock.store.statements import Tx


class ReviewOps(Operations):
    """See `ReviewStore`."""

    async def review_rules(self, project: str) -> Rules:
        def op(tx: Tx) -> Rules:
            find_project(tx, project)
            return reviewing.rules_of(tx, project)

        return await self._read(op)

    async def set_review_rules(self, project: str, rules: Rules, by: str, now: int) -> None:
        await self._write(now, lambda work: judging.set_rules(work, project, rules, by))

    async def review(self, change: str) -> Standing:
        return await self._read(lambda tx: reviewing.standing(tx, change))

    async def findings_listed(self, wanted: FindingFilter) -> list[Finding]:
        return await self._read(lambda tx: reviewing.select(tx, wanted))

    async def finding(self, ref: str) -> Finding:
        return await self._read(lambda tx: judging.find(tx, ref))

    async def merge_queue(self, project: str) -> list[Queued]:
        return await self._read(lambda tx: reviewing_pace.queue(tx, project))

    async def busy_ms(self, since: int, now: int) -> int:
        def op(tx: Tx) -> int:
            ended, live = tx.value("busy_ended", since=since), tx.value("busy_live", since=since, now=now)
            return int(ended) + int(live)

        return await self._read(op)

    async def keep_pace(self, now: int) -> int:
        if not await self._read(Glance(lambda tx: reviewing_pace.due(tx, now))):
            return 0
        return await self._write(now, reviewing_pace.keep_pace)

    async def judge_finding(self, finding: str, state: FindingState, by: str, note: str, now: int) -> Finding:
        return await self._write(now, lambda work: judging.judge(work, finding, state, by, note))
