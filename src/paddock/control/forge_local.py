"""`local`: a project without a forge. Its changes live in Paddock alone; here they have a forge's contract."""

from collections.abc import Mapping
from typing import ClassVar

from paddock.control.limits import MAX_NOTE
from paddock.control.plane import Control
from paddock.core.errors import Conflict, NotFound
from paddock.core.states import OPEN_CHANGES, ChangeState
from paddock.forges.base import Draft, Filed, Heard, Request, RequestState, Review, Status
from paddock.forges.errors import BadWebhook, ForgeMissing, ForgeRefused, NotMergeable
from paddock.store.records import Change

MOST = 1_000


class Local:
    """One project's changes; a change's id is its number."""

    kind: ClassVar[str] = "local"
    # The merge queue does.
    merges: ClassVar[bool] = False

    def __init__(self, control: Control, project: str, by: str = "paddock") -> None:
        self._control, self._project, self._by = control, project, by

    async def whoami(self) -> str:
        return ""

    async def find(self, branch: str) -> Request | None:
        for change in await self._control.store.changes(None, self._project, MOST):
            if change.branch == branch and change.state in OPEN_CHANGES:
                return _request(change)
        return None

    async def open_or_find(self, draft: Draft) -> Request:
        """The open one of this branch: a change is opened by an agent's outcome and in no other way."""
        found = await self.find(draft.branch)
        if found is None:
            raise ForgeRefused(f"no open change has the branch {draft.branch}")
        return found

    async def _change(self, number: str) -> Change:
        try:
            return await self._control.store.change(number)
        except NotFound as error:
            raise ForgeMissing(error.message) from None

    async def show(self, number: str) -> Request:
        return _request(await self._change(number))

    async def edit(self, number: str, draft: Draft) -> None:  # noqa: ARG002  (its page shows the job itself)
        await self._change(number)

    async def comment(self, number: str, text: str, mark: str, *, look: bool) -> Filed:
        change = await self._change(number)
        url = f"/changes/{change.id}"
        rows = await self._control.store.journal(0, change.job, MOST) if look else []
        for event in rows:
            if event.type == "change.comment" and event.data.get("mark") == mark:
                return Filed(number=str(event.seq), url=url)
        told: dict[str, object] = {"change": change.id, "by": self._by, "note": text[:MAX_NOTE], "mark": mark}
        await self._control.store.note("change.comment", change.job, None, told, self._control.clock.now())
        return Filed(number=str(await self._control.store.last_seq()), url=url)

    async def set_status(self, request: Request, status: Status) -> None:  # noqa: ARG002  (the evidence is here)
        await self._change(request.number)

    async def reviews(self, number: str) -> list[Review]:
        change = await self._change(number)
        said = await self._control.store.decisions(change.id)
        return [
            Review(login=one.by, said="approve" if one.decision == "approve" else "nothing", head=one.head)
            for one in said
        ]

    async def merge(self, number: str, head: str, message: str) -> str:  # noqa: ARG002
        await self._change(number)
        raise NotMergeable("the merge queue merges it", hint="approve it")

    async def close(self, number: str) -> None:
        try:
            await self._control.store.decide(number, self._by, "reject", "closed", self._control.clock.now())
        except Conflict:  # it is closed
            return

    async def file_issue(self, title: str, text: str, mark: str, *, look: bool) -> Filed:  # noqa: ARG002
        raise ForgeRefused("a finding stands in Paddock's own ledger: there is nowhere else to file it")

    async def stamps(self) -> Mapping[str, str] | None:
        found = await self._control.store.changes(None, self._project, MOST)
        return {change.id: str(change.updated) for change in found if change.state in OPEN_CHANGES}

    @staticmethod
    def verify_webhook(headers: Mapping[str, str], body: bytes, secret: str) -> Heard:  # noqa: ARG004
        raise BadWebhook()


def _request(change: Change) -> Request:
    states: dict[ChangeState, RequestState] = {
        ChangeState.OPEN: "open",
        ChangeState.APPROVED: "open",
        ChangeState.MERGED: "merged",
    }
    return Request(
        number=change.id,
        url=f"/changes/{change.id}",
        branch=change.branch,
        head=change.head,
        state=states.get(change.state, "closed"),
        commit=change.merged_commit or "",
        updated=str(change.updated),
    )
