"""The part of the contract that is reviews: a project's rules, the ledger of findings, and what people make of them."""

from typing import Any, Protocol

from paddock.core.findings import FindingState, Severity
from paddock.core.reviewing import Rules
from paddock.store.records import Record


class Finding(Record, frozen=True, kw_only=True):
    """One finding of the ledger. Times are epoch milliseconds."""

    id: str
    # The job whose changes it stands in, and the latest of these that was reviewed.
    author: str
    change: str
    project: str
    # By what it is known again: see `core.findings.fingerprint`.
    known_by: str
    reviewer: str
    rule: str
    path: str
    line: int
    severity: Severity
    message: str
    state: FindingState
    # The last head on which it was found.
    head: str
    # The latest round of the change in which a fixer got it, and how often one did.
    filed: int
    times: int
    by: str
    note: str
    created: int
    updated: int

    @property
    def name(self) -> str:
        """The reviewer and its rule."""
        return f"{self.reviewer}/{self.rule}"


class Review(Record, frozen=True, kw_only=True):
    """One review of one head; `own` when its agent had written some of the change."""

    job: str
    change: str
    head: str
    agent: str
    own: bool
    reviewers: list[dict[str, Any]]
    found: int
    more: int
    fixed: int
    at: int


class Round(Record, frozen=True, kw_only=True):
    """One round of mending: findings given to fixers on this head, and how many a later review missed."""

    change: str
    round: int
    author: str
    head: str
    filed: int
    fixed: int
    at: int


class Standing(Record, frozen=True, kw_only=True):
    """Where the reviews of a change stand. `stop` says why nothing more is given to fixers; empty while it goes on."""

    rules: Rules
    reviews: list[Review]
    rounds: list[Round]
    findings: list[Finding]
    blocking: int
    stop: str


class Queued(Record, frozen=True, kw_only=True):
    """One change in the merge queue and the job that merges it; `not_before` is when a merge is tried again."""

    change: str
    job: str
    name: str
    running: bool
    not_before: int


class FindingFilter(Record, frozen=True, kw_only=True):
    """Which findings to list; None lets all through."""

    change: str | None = None
    project: str | None = None
    state: FindingState | None = None
    limit: int = 500


class ReviewStore(Protocol):
    """What a store can do for reviews; reviews and fixes themselves come in as outcomes of their jobs."""

    async def review_rules(self, project: str) -> Rules:
        """Raises: NotFound for an unknown project."""

    async def set_review_rules(self, project: str, rules: Rules, by: str, now: int) -> None:
        """The rules hold from now on, for open changes too. Raises: NotFound for an unknown project."""

    async def review(self, change: str) -> Standing: ...

    async def findings_listed(self, wanted: FindingFilter) -> list[Finding]:
        """The newest first."""

    async def finding(self, ref: str) -> Finding:
        """By its id or the beginning of it. Raises: NotFound, BadInput for a beginning that several have."""

    async def merge_queue(self, project: str) -> list[Queued]:
        """Who merges and who waits, in order."""

    async def busy_ms(self, since: int, now: int) -> int:
        """Milliseconds that jobs ran since then, those that still run among them."""

    async def keep_pace(self, now: int) -> int:
        """Slows dispatch where changes wait for too long, and lets go where they do no more; how many it changed."""

    async def judge_finding(self, finding: str, state: FindingState, by: str, note: str, now: int) -> Finding:
        """A person dismisses an open finding, or opens a dismissed one again.

        Raises: Conflict when it is neither.
        """
