"""GitHub, and GitHub Enterprise Server at `https://HOST/api/v3`: its REST API of version 2022-11-28."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from paddock.forges.base import CONTEXT, Draft, Filed, Heard, Request, RequestState, Review, Said, Status
from paddock.forges.errors import ForgeDenied, ForgeRefused, HeadMoved, NotMergeable
from paddock.forges.link import Link
from paddock.forges.opening import open_or_find
from paddock.forges.shapes import Login, Shape, shaped
from paddock.forges.signed import body_of, check_hmac, number_in

BASE = "https://api.github.com"
# The most of a list that is read, in pages of a hundred.
PAGES = 10
_SAID: Mapping[str, Said] = {"APPROVED": "approve", "CHANGES_REQUESTED": "changes", "DISMISSED": "nothing"}


class _Ref(Shape, frozen=True, kw_only=True):
    ref: str
    sha: str


class _Pull(Shape, frozen=True, kw_only=True):
    number: int
    html_url: str
    state: str
    head: _Ref
    updated_at: str = ""
    # Lists have no `merged`, but the moment.
    merged: bool = False
    merged_at: str | None = None
    merge_commit_sha: str | None = None

    @property
    def request(self) -> Request:
        """In the words of all forges."""
        merged = self.merged or self.merged_at is not None
        state: RequestState = "merged" if merged else "open" if self.state == "open" else "closed"
        return Request(
            number=str(self.number),
            url=self.html_url,
            branch=self.head.ref,
            head=self.head.sha,
            state=state,
            commit=(self.merge_commit_sha or "") if merged else "",
            updated=self.updated_at,
        )


class _Review(Shape, frozen=True, kw_only=True):
    state: str
    user: Login | None = None
    commit_id: str | None = None


class _Text(Shape, frozen=True, kw_only=True):
    html_url: str = ""
    number: int = 0
    id: int = 0
    body: str | None = None


class _Merge(Shape, frozen=True, kw_only=True):
    sha: str


class GitHub:
    """One repository, `owner/name`."""

    kind: ClassVar[str] = "github"
    merges: ClassVar[bool] = True

    def __init__(self, link: Link, repo: str) -> None:
        self._link = link
        self._repo = f"/repos/{quote(repo)}"
        self._owner = repo.split("/")[0]

    @staticmethod
    def headers(token: str) -> dict[str, str]:
        """What every request carries."""
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    async def whoami(self) -> str:
        await self._link.get(self._repo)
        try:
            return shaped(await self._link.get("/user"), Login).login
        except ForgeDenied:  # the token of an app's installation is nobody's
            return ""

    async def find(self, branch: str) -> Request | None:
        found = await self._link.get(f"{self._repo}/pulls", state="open", head=f"{self._owner}:{branch}")
        # Where the filter does not hold, the list is of everybody's.
        return next((one.request for one in shaped(found, list[_Pull]) if one.head.ref == branch), None)

    async def open_or_find(self, draft: Draft) -> Request:
        return await open_or_find(draft, self.find, self._open)

    async def _open(self, draft: Draft) -> Request:
        body = {"title": draft.title, "head": draft.branch, "base": draft.base, "body": draft.body}
        return shaped(await self._link.send("POST", f"{self._repo}/pulls", body), _Pull).request

    async def show(self, number: str) -> Request:
        return shaped(await self._link.get(f"{self._repo}/pulls/{number}"), _Pull).request

    async def edit(self, number: str, draft: Draft) -> None:
        await self._link.send("PATCH", f"{self._repo}/pulls/{number}", {"title": draft.title, "body": draft.body})

    async def comment(self, number: str, text: str, mark: str, *, look: bool) -> Filed:
        path = f"{self._repo}/issues/{number}/comments"
        for page in range(1, PAGES + 1) if look else ():
            listed = shaped(await self._link.get(path, per_page="100", page=str(page)), list[_Text])
            for one in listed:
                if mark in (one.body or ""):
                    return Filed(number=str(one.id), url=one.html_url)
            if len(listed) < 100:
                break
        made = shaped(await self._link.send("POST", path, {"body": text}), _Text)
        return Filed(number=str(made.id), url=made.html_url)

    async def set_status(self, request: Request, status: Status) -> None:
        body = {"state": status.colour, "context": CONTEXT, "description": status.about[:140]}
        await self._link.send("POST", f"{self._repo}/statuses/{request.head}", body)

    async def reviews(self, number: str) -> list[Review]:
        last: dict[str, Review] = {}
        for page in range(1, PAGES + 1):
            path = f"{self._repo}/pulls/{number}/reviews"
            listed = shaped(await self._link.get(path, per_page="100", page=str(page)), list[_Review])
            for one in listed:
                if one.user is not None and one.state in _SAID:
                    said = _SAID[one.state]
                    last[one.user.login] = Review(login=one.user.login, said=said, head=one.commit_id or "")
            if len(listed) < 100:
                break
        return list(last.values())

    async def merge(self, number: str, head: str, message: str) -> str:
        title, _, text = message.partition("\n")
        body = {"sha": head, "merge_method": "merge", "commit_title": title, "commit_message": text.strip()}
        try:
            return shaped(await self._link.send("PUT", f"{self._repo}/pulls/{number}/merge", body), _Merge).sha
        except ForgeRefused as error:
            if error.answered == 409:
                raise HeadMoved(error.message) from None
            if error.answered in (405, 422):
                raise NotMergeable(error.message) from None
            raise

    async def close(self, number: str) -> None:
        await self._link.send("PATCH", f"{self._repo}/pulls/{number}", {"state": "closed"})

    async def file_issue(self, title: str, text: str, mark: str, *, look: bool) -> Filed:
        if look:
            found = await self._link.get(
                f"{self._repo}/issues", state="all", sort="created", direction="desc", per_page="100"
            )
            for one in shaped(found, list[_Text]):
                if mark in (one.body or ""):
                    return Filed(number=str(one.number), url=one.html_url)
        made = shaped(await self._link.send("POST", f"{self._repo}/issues", {"title": title, "body": text}), _Text)
        return Filed(number=str(made.number), url=made.html_url)

    async def stamps(self) -> Mapping[str, str] | None:
        found = await self._link.get(
            f"{self._repo}/pulls", state="open", sort="updated", direction="desc", per_page="100"
        )
        if self._link.unchanged:
            return None
        return {str(one.number): one.updated_at for one in shaped(found, list[_Pull])}

    @staticmethod
    def verify_webhook(headers: Mapping[str, str], body: bytes, secret: str) -> Heard:
        check_hmac(headers.get("x-hub-signature-256", "").removeprefix("sha256="), body, secret)
        return number_in(body_of(body), ("pull_request", "number"), ("issue", "number"))
