"""What control planes do on forges: one of them at a time for each account, one request after the other."""

import asyncio
import logging
import random
import secrets
from collections.abc import Sequence

import httpx
import msgspec

from paddock.control import forges, reviews
from paddock.control.forge_tend import Tending
from paddock.control.plane import Control
from paddock.core.errors import PaddockError
from paddock.core.limits import NEVER
from paddock.core.schedule import backoff
from paddock.forges import text
from paddock.forges.base import Forge
from paddock.forges.connect import Place, connect
from paddock.forges.errors import ForgeBusy, ForgeUnreachable
from paddock.forges.quota import Quota
from paddock.store.engine import StoreUnavailable
from paddock.store.forging import ForgeRow, Intent, Settled

_log = logging.getLogger("paddock.control")
# Seconds that a turn may take, and milliseconds for which it is held: longer, so that two never overlap.
TURN_S = 90.0
HOLD_MS = 120_000
# Milliseconds between two looks at a forge that sends no webhooks, and at one that lately did.
POLL_MS, POLL_HEARD_MS = 60_000, 600_000
HEARD_MS = 3_600_000
# After a failure, milliseconds at first and at most; what a person asked for is given up after so many tries.
FIRST_MS, MOST_MS = 2_000, 900_000
MOST_TRIES = 25
# Lists of open pull requests that are as long as this may be cut.
WHOLE = 50


class Desk:
    """The work of one control plane on all its forges."""

    def __init__(self, control: Control, client: httpx.AsyncClient, poll_ms: int = POLL_MS) -> None:
        self._control, self._client, self._poll_ms = control, client, poll_ms
        # Alone on its home it takes up at once what it held before it died.
        self.holder = "alone" if control.replica is None else secrets.token_hex(8)
        self._quotas: dict[str, Quota] = {}
        self._forges: dict[str, tuple[int, Forge]] = {}
        self._rows: Sequence[ForgeRow] = ()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def round(self) -> int | None:
        """Starts what is due; when something is next, in epoch milliseconds. None: there is no forge any more."""
        store = self._control.store
        self._rows = await store.forges()
        if not self._rows:
            return None
        now = self._control.clock.now()
        due = await store.forge_plan(now)
        if due is not None and due <= now:
            for account in {row.account for row in self._rows}:
                if account not in self._tasks or self._tasks[account].done():
                    self._tasks[account] = asyncio.create_task(self._work(account), name=f"forge {account}")
        return NEVER if due is None else due

    async def idle(self) -> None:
        """Waits until all that was started has ended."""
        await asyncio.gather(*self._tasks.values())

    async def stop(self) -> None:
        """Ends what was started; a request on its way is looked up at the next start."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _work(self, account: str) -> None:
        """Works for one account until nothing of it is due."""
        try:
            while await self._step(account):
                pass
        except StoreUnavailable as error:
            _log.warning("forges: %s", error.message, extra={"action": "forge.store"})

    async def _step(self, account: str) -> bool:
        now = self._control.clock.now()
        quota = await self._quota(account)
        if (free := quota.free_at(now, acts=True)) > now:
            await self._control.store.forge_defer(account, free, now)
            return False
        intent, stored = await self._control.store.forge_claim(account, self.holder, now, HOLD_MS)
        if stored is None:
            return False
        quota.take(msgspec.convert(stored, Quota))
        if intent is None:
            await self._look(account, quota, now)
            return False
        await self._turn(intent, account, quota, now)
        return True

    async def _quota(self, account: str) -> Quota:
        known = self._quotas.get(account)
        if known is None:
            stored = (await self._control.store.forge_quotas()).get(account, {})
            known = self._quotas[account] = msgspec.convert(stored, Quota)
        return known

    async def _turn(self, intent: Intent, account: str, quota: Quota, now: int) -> None:
        try:
            async with asyncio.timeout(TURN_S):
                settled = await self._do(intent, now)
        except StoreUnavailable:
            raise
        except (PaddockError, TimeoutError) as error:
            settled = self._failed(intent, error, now)
        plain = msgspec.structs.asdict(quota)
        if await self._control.store.forge_settle(intent, settled, account, plain, self._control.clock.now()):
            self._control.bus.news()

    async def _do(self, intent: Intent, now: int) -> Settled:
        row = next((row for row in self._rows if row.project == intent.project), None)
        if (free := self._quotas[row.account].free_at(now, acts=True) if row else 0) > now:
            raise ForgeBusy("another control plane has reached the forge's rate limit", until=free)
        if row is None:  # removed a moment ago
            return Settled(number="", url="", shown=intent.shown, seen=now, due=NEVER, live=False)
        forge = self._forge(row)
        if intent.what == "change":
            return await Tending(self._control, row, forge, intent, now).run()
        look = intent.tries > 1
        if intent.what == "issue":
            shown = await self._control.store.forge_intent(f"change:{intent.change}")
            found = await reviews.finding(self._control, intent.subject)
            title, body = text.issue(found, shown.url if shown else "")
            filed = await forge.file_issue(title, body, text.mark("finding", intent.subject), look=look)
        else:
            number = await self._number(intent)
            if not number:
                return Settled(number="", url="", shown=intent.shown, seen=now, due=now + FIRST_MS)
            said = text.comment(intent.by, intent.text, intent.subject)
            filed = await forge.comment(number, said, text.mark("comment", intent.subject), look=look)
        return Settled(number=filed.number, url=filed.url, shown=intent.shown, seen=now, due=NEVER, live=False)

    async def _number(self, intent: Intent) -> str:
        """The pull request's number; a comment waits until there is one."""
        shown = await self._control.store.forge_intent(f"change:{intent.change}")
        return shown.number if shown else ""

    def _failed(self, intent: Intent, error: PaddockError | TimeoutError, now: int) -> Settled:
        message = error.message if isinstance(error, PaddockError) else f"it took longer than {TURN_S:.0f} s"
        if not isinstance(error, ForgeUnreachable | ForgeBusy) or intent.tries == 1:
            _log.warning("forge of %s: %s", intent.project, message, extra={"action": "forge.trouble"})
        wait = backoff(intent.tries, random.random(), base_ms=FIRST_MS, cap_ms=MOST_MS)
        due = error.until if isinstance(error, ForgeBusy) else now + max(FIRST_MS // 2, wait)
        live = intent.what == "change" or isinstance(error, ForgeBusy) or intent.tries < MOST_TRIES
        return Settled(
            number=intent.number,
            url=intent.url,
            shown=intent.shown,
            trouble=message,
            seen=intent.seen,
            due=due,
            live=live,
        )

    async def _look(self, account: str, quota: Quota, now: int) -> None:
        """Asks once for all changes of a project what has moved, where no webhook would have told."""
        for row in self._rows:
            if row.account != account or quota.free_at(now, acts=False) > now:
                continue
            every = self._poll_ms if row.heard < now - HEARD_MS else max(self._poll_ms, POLL_HEARD_MS)
            if not await self._control.store.forge_polls(row.project, now, now + every):
                continue
            try:
                stamps = await self._forge(row).stamps()
            except PaddockError as error:
                _log.warning("forge of %s: %s", row.project, error.message, extra={"action": "forge.trouble"})
                continue
            if stamps and await self._control.store.forge_moved(row.project, stamps, len(stamps) < WHOLE, now):
                self._control.bus.news()

    def _forge(self, row: ForgeRow) -> Forge:
        """The driver, kept with what it knows already. Raises: BadInput for a token sealed with other keys."""
        known = self._forges.get(row.project)
        if known is not None and known[0] == row.updated:
            return known[1]
        token = forges.unseal(self._control, row.project, "token", row.token)
        quota = self._quotas.setdefault(row.account, Quota())
        place = Place(kind=row.kind, base=row.base, repo=row.repo)
        made = connect(self._client, place, token, quota, self._control.clock.now)
        self._forges[row.project] = (row.updated, made)
        return made
