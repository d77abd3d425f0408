"""The contract of a forge on one screen. A driver exists only if it passes `paddock.forges.conformance`.

Every method may be repeated after a crash: whoever asks looks first, by the head branch or by a mark in the text.
Methods raise ForgeUnreachable, ForgeBusy, ForgeDenied, ForgeMissing or ForgeRefused.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

import msgspec

RequestState = Literal["open", "closed", "merged"]
Said = Literal["approve", "changes", "nothing"]
Colour = Literal["pending", "success", "failure"]
# The name under which Paddock's checks stand on a commit.
CONTEXT = "paddock/checks"


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """A value."""


class Draft(Struct, frozen=True, kw_only=True):
    """What a pull request is to say. Branches are names without refs/heads/."""

    branch: str
    base: str
    title: str
    body: str


class Request(Struct, frozen=True, kw_only=True):
    """A pull request, or what the forge calls one. `updated` is the forge's own stamp, only compared."""

    number: str
    url: str
    branch: str
    head: str
    state: RequestState
    commit: str = ""
    updated: str = ""


class Review(Struct, frozen=True, kw_only=True):
    """What a person last said. `head` is the commit it was said of; empty where the forge does not tell."""

    login: str
    said: Said
    head: str = ""


class Status(Struct, frozen=True, kw_only=True):
    """How the checks stand; `about` is one line."""

    colour: Colour
    about: str


class Filed(Struct, frozen=True, kw_only=True):
    """An issue or a comment as the forge knows it."""

    number: str
    url: str


class Heard(Struct, frozen=True, kw_only=True):
    """What a webhook is about: a pull request's number, or empty for anything else."""

    number: str


class Forge(Protocol):
    """One repository on one forge."""

    kind: ClassVar[str]
    # Whether `merge` can be asked of it.
    merges: ClassVar[bool]

    async def whoami(self) -> str:
        """The login that the token acts as; empty where the token is nobody's."""

    async def find(self, branch: str) -> Request | None:
        """The open pull request of this head branch of the repository itself."""

    async def open_or_find(self, draft: Draft) -> Request:
        """The open one of this branch; opened when there is none. Two at once get the same."""

    async def show(self, number: str) -> Request: ...

    async def edit(self, number: str, draft: Draft) -> None:
        """Sets title and body."""

    async def comment(self, number: str, text: str, mark: str, *, look: bool) -> Filed:
        """Says something once: with `look`, only if no comment holds the mark yet. The mark stands in the text."""

    async def set_status(self, request: Request, status: Status) -> None:
        """Sets how the checks stand on the request's head; the same again changes nothing."""

    async def reviews(self, number: str) -> list[Review]:
        """The last word of each reviewer."""

    async def merge(self, number: str, head: str, message: str) -> str:
        """Merges and returns the commit, if the head is still this one. Raises: HeadMoved, NotMergeable."""

    async def close(self, number: str) -> None:
        """Closes it unmerged; one that is closed stays so."""

    async def file_issue(self, title: str, text: str, mark: str, *, look: bool) -> Filed:
        """Files an issue once, as `comment` says."""

    async def stamps(self) -> Mapping[str, str] | None:
        """The stamps of open pull requests by number, the latest moved alone; None when none moved since asked last."""

    @staticmethod
    def verify_webhook(headers: Mapping[str, str], body: bytes, secret: str) -> Heard:
        """Believes a webhook if it is signed. Header names are in lower case. Raises: BadWebhook."""
