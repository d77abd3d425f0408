"""GitLab: its REST API of version 4."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from paddock.forges.base import CONTEXT, Draft, Filed, Heard, Request, RequestState, Review, Status
from paddock.forges.errors import ForgeMissing, ForgeRefused, HeadMoved, NotMergeable
from paddock.forges.link import Link
from paddock.forges.opening import open_or_find
from paddock.forges.shapes import Shape, Username, shaped
from paddock.forges.signed import body_of, check_same, number_in

BASE = "https://gitlab.com/api/v4"
_STATES: Mapping[str, RequestState] = {"opened": "open", "locked": "open", "merged": "merged", "closed": "closed"}


class _Merge(Shape, frozen=True, kw_only=True):
    iid: int
    web_url: str
    state: str
    source_branch: str
    sha: str | None = None
    merge_commit_sha: str | None = None
    squash_commit_sha: str | None = None
    updated_at: str = ""

    @property
    def request(self) -> Request:
        """In the words of all forges."""
        # Fast-forwards make no commit of their own.
        commit = self.merge_commit_sha or self.squash_commit_sha or self.sha or ""
        state = _STATES.get(self.state, "closed")
        return Request(
            number=str(self.iid),
            url=self.web_url,
            branch=self.source_branch,
            head=self.sha or "",
            state=state,
            commit=commit if state == "merged" else "",
            updated=self.updated_at,
        )


class _Approval(Shape, frozen=True, kw_only=True):
    user: Username


class _Approvals(Shape, frozen=True, kw_only=True):
    approved_by: tuple[_Approval, ...] = ()


class _Reviewer(Shape, frozen=True, kw_only=True):
    user: Username
    state: str = ""


class _Text(Shape, frozen=True, kw_only=True):
    id: int = 0
    iid: int = 0
    web_url: str = ""
    body: str = ""
    description: str | None = None


class GitLab:
    """One project, `group/name` with as many groups as there are."""

    kind: ClassVar[str] = "gitlab"
    merges: ClassVar[bool] = True

    def __init__(self, link: Link, repo: str) -> None:
        self._link = link
        self._project = f"/projects/{quote(repo, safe='')}"
        self._requests = f"{self._project}/merge_requests"

    @staticmethod
    def headers(token: str) -> dict[str, str]:
        """What every request carries."""
        return {"PRIVATE-TOKEN": token}

    async def whoami(self) -> str:
        await self._link.get(self._project)
        return shaped(await self._link.get("/user"), Username).username

    async def find(self, branch: str) -> Request | None:
        found = shaped(await self._link.get(self._requests, state="opened", source_branch=branch), list[_Merge])
        return next((one.request for one in found if one.source_branch == branch), None)

    async def open_or_find(self, draft: Draft) -> Request:
        return await open_or_find(draft, self.find, self._open)

    async def _open(self, draft: Draft) -> Request:
        body = {
            "source_branch": draft.branch,
            "target_branch": draft.base,
            "title": draft.title,
            "description": draft.body,
        }
        return shaped(await self._link.send("POST", self._requests, body), _Merge).request

    async def show(self, number: str) -> Request:
        return shaped(await self._link.get(f"{self._requests}/{number}"), _Merge).request

    async def edit(self, number: str, draft: Draft) -> None:
        await self._link.send("PUT", f"{self._requests}/{number}", {"title": draft.title, "description": draft.body})

    async def comment(self, number: str, text: str, mark: str, *, look: bool) -> Filed:
        path = f"{self._requests}/{number}/notes"
        page = f"{(await self.show(number)).url}#note_"
        if look:
            for one in shaped(await self._link.get(path, per_page="100", sort="desc"), list[_Text]):
                if mark in one.body:
                    return Filed(number=str(one.id), url=f"{page}{one.id}")
        made = shaped(await self._link.send("POST", path, {"body": text}), _Text)
        return Filed(number=str(made.id), url=f"{page}{made.id}")

    async def set_status(self, request: Request, status: Status) -> None:
        state = "failed" if status.colour == "failure" else status.colour
        body = {"state": state, "name": CONTEXT, "ref": request.branch, "description": status.about[:255]}
        try:
            await self._link.send("POST", f"{self._project}/statuses/{request.head}", body)
        except ForgeRefused as error:
            # It will not be told twice what it knows.
            if error.answered != 400 or "transition" not in error.message:
                raise

    async def reviews(self, number: str) -> list[Review]:
        told = shaped(await self._link.get(f"{self._requests}/{number}/approvals"), _Approvals)
        found = {one.user.username: Review(login=one.user.username, said="approve") for one in told.approved_by}
        try:
            others = shaped(await self._link.get(f"{self._requests}/{number}/reviewers"), list[_Reviewer])
        except ForgeMissing:  # an older release
            others = []
        for one in others:
            if one.state == "requested_changes":
                found[one.user.username] = Review(login=one.user.username, said="changes")
        return list(found.values())

    async def merge(self, number: str, head: str, message: str) -> str:
        body = {"sha": head, "merge_commit_message": message, "should_remove_source_branch": False}
        try:
            made = shaped(await self._link.send("PUT", f"{self._requests}/{number}/merge", body), _Merge).request
        except ForgeRefused as error:
            if error.answered == 409:
                raise HeadMoved(error.message) from None
            if error.answered in (405, 406, 422):
                raise NotMergeable(error.message) from None
            raise
        return made.commit

    async def close(self, number: str) -> None:
        if (await self.show(number)).state == "open":
            await self._link.send("PUT", f"{self._requests}/{number}", {"state_event": "close"})

    async def file_issue(self, title: str, text: str, mark: str, *, look: bool) -> Filed:
        path = f"{self._project}/issues"
        if look:
            found = await self._link.get(path, order_by="created_at", sort="desc", per_page="100")
            for one in shaped(found, list[_Text]):
                if mark in (one.description or ""):
                    return Filed(number=str(one.iid), url=one.web_url)
        made = shaped(await self._link.send("POST", path, {"title": title, "description": text}), _Text)
        return Filed(number=str(made.iid), url=made.web_url)

    async def stamps(self) -> Mapping[str, str] | None:
        found = await self._link.get(self._requests, state="opened", order_by="updated_at", sort="desc", per_page="100")
        if self._link.unchanged:
            return None
        return {str(one.iid): one.updated_at for one in shaped(found, list[_Merge])}

    @staticmethod
    def verify_webhook(headers: Mapping[str, str], body: bytes, secret: str) -> Heard:
        check_same(headers.get("x-gitlab-token", ""), secret)
        told = body_of(body)
        own = ("object_attributes", "iid")
        return number_in(
            told, *((own,) if told.get("object_kind") == "merge_request" else ()), ("merge_request", "iid")
        )
