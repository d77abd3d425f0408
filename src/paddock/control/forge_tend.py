"""One turn at a change on its forge: shows it, tells how it stands, hears what people said, and ends it there.

A turn looks before it acts and may stop after any request: the next one, here or elsewhere, takes up what is missing.
"""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from paddock.control import reviews, views
from paddock.control.plane import Control
from paddock.core.errors import Refused
from paddock.core.limits import NEVER
from paddock.core.people import ALLOWED, May
from paddock.core.states import FINAL, OPEN_CHANGES, ChangeState
from paddock.forges import text
from paddock.forges.base import Draft, Forge, Request, Review, Status
from paddock.forges.errors import HeadMoved, NotMergeable
from paddock.store.forging import ForgeRow, Intent, Settled, Shown
from paddock.store.records import Change

_log = logging.getLogger("paddock.control")
# Milliseconds after which a merge is tried again that the forge does not do yet, and tries after which it goes back.
MERGE_AGAIN_MS = 30_000


class Tending:
    """The surroundings of one turn."""

    def __init__(self, control: Control, row: ForgeRow, forge: Forge, intent: Intent, now: int) -> None:
        self._control, self._row, self._forge, self._intent = control, row, forge, intent
        self._now = now
        self._again = NEVER
        self._shown: dict[str, Any] = msgspec.structs.asdict(intent.shown)

    async def run(self) -> Settled:
        """The turn. Raises: ForgeError and what the store raises."""
        change = await self._control.store.change(self._intent.change)
        newest = await self._control.store.change(change.job)
        if newest.id != change.id:  # its branch shows another change now
            return self._settled(None, live=False)
        if change.state in OPEN_CHANGES:
            return await self._live(change)
        if not self._intent.number:
            return self._settled(None, live=False)
        return await self._ended(change)

    async def _live(self, change: Change) -> Settled:
        view = await views.change(self._control, change.id)
        draft = await self._draft(change, view)
        shown = bool(self._intent.number)
        request = await (self._forge.show(self._intent.number) if shown else self._forge.open_or_find(draft))
        if request.state == "merged":
            await self._control.store.forge_merged(change.id, request.commit, self._control.clock.now())
            self._control.stir()
            return self._settled(request, live=False)
        if request.state == "closed":
            return self._settled(request)
        await self._describe(request, draft)
        await self._tell_checks(request, change, view)
        await self._hear(request, change)
        if self._row.merges and self._forge.merges:
            await self._merge(request, change)
        return self._settled(request)

    async def _draft(self, change: Change, view: Mapping[str, Any]) -> Draft:
        found = await reviews.findings(self._control, change.id, None, "open", 500)
        project = self._control.projects[change.project]
        return Draft(
            branch=change.branch,
            base=project.branch,
            title=text.title(change.name),
            body=text.description(view, found),
        )

    async def _describe(self, request: Request, draft: Draft) -> None:
        digest = _digest(draft.title, draft.body)
        if self._shown["text"] != digest:
            await self._forge.edit(request.number, draft)
            self._shown["text"] = digest

    async def _tell_checks(self, request: Request, change: Change, view: Mapping[str, Any]) -> None:
        """On the very commit that was checked; a project without checks says nothing."""
        status = _status(change, view, bool(self._control.projects[change.project].checks))
        if status is None:
            return
        digest = _digest(change.head, status.colour, status.about)
        if self._shown["status"] != digest:
            await self._forge.set_status(msgspec.structs.replace(request, head=change.head), status)
            self._shown["status"] = digest

    async def _hear(self, request: Request, change: Change) -> None:
        """Counts approvals of this head by people whom the project knows, and takes back those that were taken back."""
        said = await self._forge.reviews(request.number)
        allowed = await self._allowed()
        first: dict[str, str] = {}
        approving: set[str] = set()
        against: set[str] = set()
        for one in said:
            person = self._row.people.get(one.login)
            if person is None or one.login == self._row.login or (allowed is not None and person not in allowed):
                continue
            if one.said == "changes":
                against.add(person)
            if one.said == "approve":
                head = one.head or self._first_seen(one, request)
                first[one.login] = head
                if head == change.head == request.head:
                    approving.add(person)
        self._shown |= {"first": first, "against": tuple(sorted(against))}
        counted = {person: head for person, head in self._shown["counted"].items() if head == change.head}
        now = self._control.clock.now()
        for person in sorted(approving - counted.keys()):
            if await self._approve(change, person, request.url, now):
                counted[person] = change.head
        for person in sorted(counted.keys() - approving):
            await self._control.store.forge_withdraw(change.id, person, now)
            del counted[person]
        if counted != self._shown["counted"]:
            self._control.stir()
        self._shown["counted"] = counted

    async def _allowed(self) -> set[str] | None:
        """Who may review here, where people log in; None where nobody does and a name is all there is."""
        people = await self._control.store.people()
        if not people:
            return None
        return {one.name for one in people if one.disabled is None and May.REVIEW in ALLOWED[one.role]}

    def _first_seen(self, one: Review, request: Request) -> str:
        return str(self._shown["first"].get(one.login) or request.head)

    async def _approve(self, change: Change, person: str, url: str, now: int) -> bool:
        try:
            return await self._control.store.forge_approve(change.id, change.head, person, f"on {url}", now)
        except Refused as error:
            _log.warning("an approval was not counted: %s", error.message, extra={"action": "forge.approval"})
            return False

    async def _merge(self, request: Request, change: Change) -> None:
        store, now = self._control.store, self._control.clock.now()
        change = await store.change(change.id)
        verdict = await store.verdict(change.id)
        if change.state is not ChangeState.APPROVED or not verdict.mergeable:
            return
        message = f"Merge {' '.join(change.name.split())}\n\nPaddock-Job: {change.job}\nPaddock-Change: {change.id}\n"
        try:
            commit = await self._forge.merge(request.number, change.head, message)
        except HeadMoved as error:
            self._again = now + MERGE_AGAIN_MS
            _log.warning("not merged: %s", error.message, extra={"action": "forge.head_moved"})
        except NotMergeable as error:
            await store.forge_unmerged(change.id, error.message, now)
        else:
            await store.forge_merged(change.id, commit, now)
            self._shown["state"] = "merged"
        self._control.stir()

    async def _ended(self, change: Change) -> Settled:
        """What is over here is over there; work that goes back to its job comes again under the same branch."""
        request = await self._forge.show(self._intent.number)
        if request.state != "open":
            return self._settled(request, live=False)
        if change.state in (ChangeState.CONFLICTED, ChangeState.RED):
            await self._say_status(request, change)
            if (await self._control.store.job(change.job)).state not in FINAL:
                return self._settled(request, again=self._now + MERGE_AGAIN_MS)
        said = change.reason or change.state
        if change.state is ChangeState.MERGED:
            said = f"merged as {change.merged_commit}"
        note = text.comment("Paddock", said, f"end-{change.id}")
        await self._forge.comment(request.number, note, text.mark("comment", f"end-{change.id}"), look=True)
        # A forge that saw the branch move has closed it as merged meanwhile; then this says nothing new.
        await self._forge.close(request.number)
        return self._settled(await self._forge.show(request.number), live=False)

    async def _say_status(self, request: Request, change: Change) -> None:
        status = Status(colour="failure", about=_line(f"{change.state}: {change.reason}"))
        digest = _digest(change.head, status.colour, status.about)
        if self._shown["status"] != digest:
            await self._forge.set_status(msgspec.structs.replace(request, head=change.head), status)
            self._shown["status"] = digest

    def _settled(self, request: Request | None, *, live: bool = True, again: int = NEVER) -> Settled:
        if request is not None and self._shown["state"] != "merged":
            self._shown |= {"state": request.state, "stamp": request.updated}
        return Settled(
            number=request.number if request else self._intent.number,
            url=request.url if request else self._intent.url,
            shown=Shown(**self._shown),
            seen=self._now,
            due=min(again, self._again),
            live=live,
        )


def _status(change: Change, view: Mapping[str, Any], checks: bool) -> Status | None:
    of_head = [one for one in view["evidence"] if one["head"] == change.head]
    if not of_head:
        return Status(colour="pending", about="the checks have not run on this head yet") if checks else None
    if not of_head[-1]["green"]:
        return Status(colour="failure", about="the checks are red")
    return Status(colour="success", about=f"{len(of_head[-1]['checks'])} checks are green")


def _line(said: str) -> str:
    return text.covered(" ".join(said.split()))[:140]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
