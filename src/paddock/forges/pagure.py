"""Pagure: its API of version 0. It has votes in comments where others have reviews, and merges without a guard."""

import hashlib
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from paddock.forges.base import CONTEXT, Draft, Filed, Heard, Request, RequestState, Review, Said, Status
from paddock.forges.errors import ForgeRefused, HeadMoved, NotMergeable
from paddock.forges.link import Link
from paddock.forges.shapes import Name, Shape, Username, shaped
from paddock.forges.signed import body_of, check_hmac, number_in

PAGES, PAGE = 10, 100
_STATES: Mapping[str, RequestState] = {"Open": "open", "Merged": "merged"}
_VOTES: Mapping[str, Said] = {"+1": "approve", ":thumbsup:": "approve", "-1": "changes", ":thumbsdown:": "changes"}


class _Comment(Shape, frozen=True, kw_only=True):
    id: int
    comment: str
    user: Name
    notification: bool = False
    commit: str | None = None


class _Pull(Shape, frozen=True, kw_only=True):
    id: int
    full_url: str = ""
    status: str
    branch: str = ""
    branch_from: str
    commit_stop: str | None = None
    last_updated: str = ""
    comments: tuple[_Comment, ...] = ()

    @property
    def request(self) -> Request:
        """In the words of all forges; the commit of a merge is not told."""
        return Request(
            number=str(self.id),
            url=self.full_url,
            branch=self.branch_from,
            head=self.commit_stop or "",
            state=_STATES.get(self.status, "closed"),
            updated=self.last_updated,
        )


class _Pulls(Shape, frozen=True, kw_only=True):
    requests: list[_Pull]


class _Branches(Shape, frozen=True, kw_only=True):
    branches: dict[str, str]


class _Issue(Shape, frozen=True, kw_only=True):
    id: int
    content: str = ""
    full_url: str = ""


class _Issues(Shape, frozen=True, kw_only=True):
    issues: list[_Issue]


class _Made(Shape, frozen=True, kw_only=True):
    issue: _Issue


class Pagure:
    """One project, `name` or `namespace/name`."""

    kind: ClassVar[str] = "pagure"
    merges: ClassVar[bool] = True

    def __init__(self, link: Link, repo: str) -> None:
        self._link = link
        self._repo = f"/{quote(repo)}"
        self._pull = f"{self._repo}/pull-request"

    @staticmethod
    def headers(token: str) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"token {token}"}

    async def whoami(self) -> str:
        await self._link.get(self._repo)
        return shaped(await self._link.post_form("/-/whoami"), Username).username

    async def find(self, branch: str) -> Request | None:
        for page in range(1, PAGES + 1):
            listed = await self._listed("Open", page)
            for one in listed:
                if one.branch_from == branch:
                    return one.request
            if len(listed) < PAGE:
                break
        return None

    async def _listed(self, status: str, page: int = 1) -> list[_Pull]:
        path = f"{self._repo}/pull-requests"
        found = await self._link.get(path, status=status, per_page=str(PAGE), page=str(page))
        return shaped(found, _Pulls).requests

    async def open_or_find(self, draft: Draft) -> Request:
        found = await self.find(draft.branch)
        if found is not None:
            return found
        made = await self._link.post_form(
            f"{self._pull}/new",
            title=draft.title,
            branch_to=draft.base,
            branch_from=draft.branch,
            initial_comment=draft.body,
        )
        return shaped(made, _Pull).request

    async def _show(self, number: str) -> _Pull:
        return shaped(await self._link.get(f"{self._pull}/{number}"), _Pull)

    async def show(self, number: str) -> Request:
        found = (await self._show(number)).request
        if found.state != "open":
            return found
        # A pull request is brought up to its branch by a worker, sooner or later; the branch itself tells at once.
        tip = (await self._tips()).get(found.branch, "")
        return Request(
            number=number, url=found.url, branch=found.branch, head=tip, state=found.state, updated=found.updated
        )

    async def _tips(self) -> dict[str, str]:
        found = await self._link.get(f"{self._repo}/git/branches", with_commits="true")
        return shaped(found, _Branches).branches

    async def edit(self, number: str, draft: Draft) -> None:
        await self._link.post_form(f"{self._pull}/{number}", title=draft.title, initial_comment=draft.body)

    async def comment(self, number: str, text: str, mark: str, *, look: bool) -> Filed:
        page = f"{(await self._show(number)).full_url}#comment-"
        for one in (await self._show(number)).comments if look else ():
            if mark in one.comment:
                return Filed(number=str(one.id), url=f"{page}{one.id}")
        await self._link.post_form(f"{self._pull}/{number}/comment", comment=text)
        # Its answer does not say which one it made.
        made = [one for one in (await self._show(number)).comments if mark in one.comment]
        return Filed(number=str(made[-1].id) if made else "", url=f"{page}{made[-1].id}" if made else "")

    async def set_status(self, request: Request, status: Status) -> None:
        # The same name again sets the same flag.
        uid = hashlib.sha256(f"{CONTEXT} {request.head}".encode()).hexdigest()[:32]
        await self._link.post_form(
            f"{self._pull}/{request.number}/flag",
            username=CONTEXT,
            comment=status.about,
            url=request.url,
            status=status.colour,
            uid=uid,
        )

    async def reviews(self, number: str) -> list[Review]:
        last: dict[str, Review] = {}
        for one in (await self._show(number)).comments:
            if one.notification or one.commit:
                continue
            for sign, said in _VOTES.items():
                if sign in one.comment:
                    last[one.user.name] = Review(login=one.user.name, said=said)
        return list(last.values())

    async def merge(self, number: str, head: str, message: str) -> str:  # noqa: ARG002  (it writes its own)
        found = await self._show(number)
        tips = await self._tips()
        if tips.get(found.branch_from) != head:
            raise HeadMoved(f"{found.branch_from} is at {tips.get(found.branch_from, 'nothing')[:12]}")
        try:
            await self._link.post_form(f"{self._pull}/{number}/merge", wait="true")
        except ForgeRefused as error:
            raise NotMergeable(error.message) from None
        return (await self._tips()).get(found.branch, "")

    async def close(self, number: str) -> None:
        if (await self._show(number)).status == "Open":
            await self._link.post_form(f"{self._pull}/{number}/close")

    async def file_issue(self, title: str, text: str, mark: str, *, look: bool) -> Filed:
        if look:
            found = shaped(await self._link.get(f"{self._repo}/issues", status="all", per_page=str(PAGE)), _Issues)
            for one in found.issues:
                if mark in one.content:
                    return Filed(number=str(one.id), url=one.full_url)
        made = await self._link.post_form(f"{self._repo}/new_issue", title=title, issue_content=text)
        issue = shaped(made, _Made).issue
        return Filed(number=str(issue.id), url=issue.full_url)

    async def stamps(self) -> Mapping[str, str] | None:
        listed = await self._listed("Open")
        return None if self._link.unchanged else {str(one.id): one.last_updated for one in listed}

    @staticmethod
    def verify_webhook(headers: Mapping[str, str], body: bytes, secret: str) -> Heard:
        check_hmac(headers.get("x-pagure-signature-256", ""), body, secret)
        return number_in(body_of(body), ("msg", "pullrequest", "id"))
