"""The driver's part of the contract about reviews."""

from paddock.core.findings import FindingState
from paddock.core.reviewing import Rules
from paddock.store.operations import Operations
from paddock.store.ops import judging, reviewing
from paddock.store.ops.reading import find_project
from paddock.store.reviews import Finding, FindingFilter, Standing
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

    async def judge_finding(self, finding: str, state: FindingState, by: str, note: str, now: int) -> Finding:
        return await self._write(now, lambda work: judging.judge(work, finding, state, by, note))
