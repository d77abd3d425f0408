"""Forgejo and Gitea: the API of version 1 that both serve."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from paddock.forges.base import CONTEXT, Draft, Filed, Heard, Request, RequestState, Review, Said, Status
from paddock.forges.errors import ForgeRefused, HeadMoved, NotMergeable
from paddock.forges.link import Link
from paddock.forges.opening import open_or_find
from paddock.forges.shapes import Login, Shape, shaped
from paddock.forges.signed import body_of, check_hmac, number_in

# The most of a list that is read, in pages of as many as a forge gives at most.
PAGES, PAGE = 20, 50
_SAID: Mapping[str, Said] = {"APPROVED": "approve", "REQUEST_CHANGES": "changes"}


class _Ref(Shape, frozen=True, kw_only=True):
    ref: str
    sha: str


class _Pull(Shape, frozen=True, kw_only=True):
    number: int
    html_url: str
    state: str
    head: _Ref
    merged: bool = False
    merge_commit_sha: str | None = None
    updated_at: str = ""

    @property
    def request(self) -> Request:
        """In the words of all forges."""
        state: RequestState = "merged" if self.merged else "open" if self.state == "open" else "closed"
        return Request(
            number=str(self.number),
            url=self.html_url,
            branch=self.head.ref,
            head=self.head.sha,
            state=state,
            commit=(self.merge_commit_sha or "") if self.merged else "",
            updated=self.updated_at,
        )


class _Review(Shape, frozen=True, kw_only=True):
    state: str
    user: Login | None = None
    commit_id: str = ""
    dismissed: bool = False


class _Text(Shape, frozen=True, kw_only=True):
    html_url: str = ""
    number: int = 0
    id: int = 0
    body: str = ""


class Forgejo:
    """One repository, `owner/name`."""

    kind: ClassVar[str] = "forgejo"
    merges: ClassVar[bool] = True

    def __init__(self, link: Link, repo: str) -> None:
        self._link = link
        self._repo = f"/repos/{quote(repo)}"

    @staticmethod
    def headers(token: str) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"token {token}", "Accept": "application/json"}

    async def whoami(self) -> str:
        await self._link.get(self._repo)
        return shaped(await self._link.get("/user"), Login).login

    async def find(self, branch: str) -> Request | None:
        for page in range(1, PAGES + 1):
            found = await self._link.get(f"{self._repo}/pulls", state="open", limit=str(PAGE), page=str(page))
            listed = shaped(found, list[_Pull])
            for one in listed:
                if one.head.ref == branch:
                    return one.request
            if len(listed) < PAGE:
                break
        return None

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
        for one in shaped(await self._link.get(path), list[_Text]) if look else ():
            if mark in one.body:
                return Filed(number=str(one.id), url=one.html_url)
        made = shaped(await self._link.send("POST", path, {"body": text}), _Text)
        return Filed(number=str(made.id), url=made.html_url)

    async def set_status(self, request: Request, status: Status) -> None:
        body = {"state": status.colour, "context": CONTEXT, "description": status.about}
        await self._link.send("POST", f"{self._repo}/statuses/{request.head}", body)

    async def reviews(self, number: str) -> list[Review]:
        last: dict[str, Review] = {}
        for page in range(1, PAGES + 1):
            found = await self._link.get(f"{self._repo}/pulls/{number}/reviews", limit=str(PAGE), page=str(page))
            listed = shaped(found, list[_Review])
            for one in listed:
                if one.user is not None and one.state in _SAID:
                    said: Said = "nothing" if one.dismissed else _SAID[one.state]
                    last[one.user.login] = Review(login=one.user.login, said=said, head=one.commit_id)
            if len(listed) < PAGE:
                break
        return list(last.values())

    async def merge(self, number: str, head: str, message: str) -> str:
        title, _, text = message.partition("\n")
        body = {"Do": "merge", "head_commit_id": head, "MergeTitleField": title, "MergeMessageField": text.strip()}
        try:
            await self._link.send("POST", f"{self._repo}/pulls/{number}/merge", body)
        except ForgeRefused as error:
            if error.answered not in (405, 409):
                raise
            # It says 409 of a head that moved and of a conflict alike.
            moved = (await self.show(number)).head != head
            raise (HeadMoved if moved else NotMergeable)(error.message) from None
        return (await self.show(number)).commit

    async def close(self, number: str) -> None:
        await self._link.send("PATCH", f"{self._repo}/pulls/{number}", {"state": "closed"})

    async def file_issue(self, title: str, text: str, mark: str, *, look: bool) -> Filed:
        if look:
            found = await self._link.get(f"{self._repo}/issues", type="issues", state="all", limit=str(PAGE))
            for one in shaped(found, list[_Text]):
                if mark in one.body:
                    return Filed(number=str(one.number), url=one.html_url)
        made = shaped(await self._link.send("POST", f"{self._repo}/issues", {"title": title, "body": text}), _Text)
        return Filed(number=str(made.number), url=made.html_url)

    async def stamps(self) -> Mapping[str, str] | None:
        found = await self._link.get(f"{self._repo}/pulls", state="open", sort="recentupdate", limit=str(PAGE))
        if self._link.unchanged:
            return None
        return {str(one.number): one.updated_at for one in shaped(found, list[_Pull])}

    @staticmethod
    def verify_webhook(headers: Mapping[str, str], body: bytes, secret: str) -> Heard:
        check_hmac(headers.get("x-forgejo-signature") or headers.get("x-gitea-signature", ""), body, secret)
        return number_in(body_of(body), ("pull_request", "number"), ("issue", "number"), ("number",))
