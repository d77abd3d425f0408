"""The part of the contract that is forges: where changes are shown, what is to be done there, what it may cost."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec

from paddock.store.records import Record

What = Literal["change", "comment", "issue"]


class ForgeRow(Record, frozen=True, kw_only=True):
    """A project's forge. `token` and `secret` are sealed; `people` maps logins there to persons here."""

    project: str
    kind: str
    base: str
    repo: str
    account: str
    login: str
    token: str
    secret: str
    merges: bool
    people: dict[str, str]
    by: str
    updated: int = 0
    heard: int = 0
    poll_at: int = 0


class Shown(Record, frozen=True, kw_only=True):
    """What a forge was told of a change and said of it. Texts are digests; people are persons here."""

    text: str = ""
    status: str = ""
    state: str = ""
    stamp: str = ""
    # Whose approval there was counted here, and who wants changes there; person → the head it was said of.
    counted: dict[str, str] = msgspec.field(default_factory=dict)
    against: tuple[str, ...] = ()
    # Login → the head on which an approval was seen first, where the forge does not tell of which it is.
    first: dict[str, str] = msgspec.field(default_factory=dict)


class Intent(Record, frozen=True, kw_only=True):
    """Something to do on a forge, and what came of it. Times are epoch milliseconds."""

    id: str
    project: str
    what: What
    subject: str
    change: str
    text: str
    by: str
    live: bool
    due: int
    holder: str
    turn: int
    tries: int
    trouble: str
    seen: int
    number: str
    url: str
    shown: Shown
    created: int
    updated: int


class Settled(Record, frozen=True, kw_only=True):
    """How a turn at an intent ended. `seen`: what is newer was not told; `due`: when it is taken up again."""

    number: str
    url: str
    shown: Shown
    trouble: str = ""
    seen: int
    due: int
    live: bool = True


class ForgeStore(Protocol):
    """What a store can do for forges."""

    async def forges(self) -> list[ForgeRow]: ...

    async def set_forge(self, row: ForgeRow, now: int) -> None:
        """Sets a project's forge, in place of any other. Raises: NotFound for an unknown project."""

    async def remove_forge(self, project: str, by: str, now: int) -> None:
        """Changes are shown there no more. Raises: NotFound where there is none."""

    async def forge_plan(self, now: int) -> int | None:
        """Takes up what changes ask for; when something is to be done next, or None."""

    async def forge_claim(
        self, account: str, holder: str, now: int, ttl: int
    ) -> tuple[Intent | None, dict[str, Any] | None]:
        """Something of this account that is due, and the account's quota; neither while another works for it."""

    async def forge_settle(
        self, intent: Intent, settled: Settled, account: str, quota: Mapping[str, Any], now: int
    ) -> bool:
        """Ends a turn and keeps the quota; False where another has taken the intent over."""

    async def forge_defer(self, account: str, until: int, now: int) -> None:
        """Nothing of this account is due before then."""

    async def forge_quotas(self) -> dict[str, dict[str, Any]]:
        """By account."""

    async def forge_polls(self, project: str, now: int, again: int) -> bool:
        """Whether it is this caller who looks at the project's forge now; the next look is due at `again`."""

    async def forge_moved(self, project: str, stamps: Mapping[str, str], whole: bool, now: int) -> int:
        """Takes up changes whose stamp there is another, or, of a whole list, that are not in it; how many."""

    async def forge_heard(self, project: str, digest: str, number: str, now: int) -> bool:
        """A believed webhook: takes up its change. False for one that came before."""

    async def forge_intents(self, project: str, most: int) -> list[Intent]:
        """What is to be done first, then what was."""

    async def forge_intent(self, ident: str) -> Intent | None: ...

    async def forge_ask(self, what: What, subject: str, change: str, text: str, by: str, now: int) -> Intent:
        """Something a person wants there; the same again is the same. Raises: BadInput without a forge, NotFound."""

    async def forge_approve(self, change: str, head: str, by: str, note: str, now: int) -> bool:
        """A person approved this head there; False when it is not the head, or the change is past deciding.

        Raises: Refused for an agent that wrote it.
        """

    async def forge_withdraw(self, change: str, by: str, now: int) -> bool:
        """A person took an approval back there."""

    async def forge_merged(self, change: str, commit: str, now: int) -> bool:
        """The forge merged it; False when the change has ended otherwise, which the journal tells."""

    async def forge_unmerged(self, change: str, reason: str, now: int) -> bool:
        """The forge cannot merge it: it goes back to its job."""
