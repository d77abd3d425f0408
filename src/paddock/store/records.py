"""What the store hands out: facts as they stand, JSON columns decoded. All times are epoch milliseconds."""

from typing import Any

import msgspec

from paddock.core.anomalies import Standing
from paddock.core.job import Job, Scope
from paddock.core.spending import Caps
from paddock.core.states import AttemptState, ChangeState, JobState
from paddock.core.tokens import Binding
from paddock.wire.messages import Check, Held, Hello, Outcome


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A row."""


class Project(Record, frozen=True, kw_only=True):
    """A repository with its branch and its checks; paused while `paused_until` lies ahead."""

    name: str
    repo: str
    branch: str
    checks: tuple[tuple[str, ...], ...]
    created: int
    paused_until: int = 0
    paused_at: int = 0
    paused_by: str = ""
    pause_note: str = ""
    # Its share of live leases against other projects' when several have ready jobs; 0: what they leave.
    weight: int = 1


class JobRecord(Record, frozen=True, kw_only=True):
    """A job and, while it is leased, its lease."""

    id: str
    name: str
    batch: str | None
    project: str
    kind: str
    lane: str
    state: JobState
    priority: int
    urgency: int
    payload: dict[str, Any]
    scope: dict[str, Any]
    requires: tuple[str, ...]
    accept: tuple[str, ...]
    timeout: int
    max_attempts: int
    attempt: int
    losses: int
    epoch: int
    not_before: int
    agent: str | None
    session: str | None
    seq: int | None
    expires_at: int | None
    reason: str
    cancel: str | None
    change: str | None
    wip: str
    subject: str | None
    unique_key: str | None
    exclusive: str | None
    created: int
    started: int | None
    ended: int | None
    # Of one project, at most one job that has not ended has this key.
    open_key: str | None = None
    labels: tuple[str, ...] = ()
    # What it may cost, and the moment up to which what it cost no longer counts.
    budget: Caps = Caps()
    spent_from: int = 0
    # How often a limit of a model's provider stopped it.
    waits: int = 0
    # What its lease has reserved, in millionths and tokens; None for one that reserves nothing.
    reserved_money: int | None = None
    reserved_tokens: int | None = None

    def exclusive_key(self) -> str | None:
        """The user's key of which one job runs at a time; None for none, and for the control plane's own."""
        own = f"job:{self.project}:"
        return self.exclusive.removeprefix(own) if self.exclusive and self.exclusive.startswith(own) else None

    def typed_scope(self) -> Scope:
        """The scope as its struct."""
        return msgspec.convert(self.scope, Scope)


class Attempt(Record, frozen=True, kw_only=True):
    """One try at a job."""

    job: str
    epoch: int
    agent: str
    session: str
    state: AttemptState
    claimed: int
    code: str = ""
    detail: str = ""
    exit_code: int | None = None
    started: int | None = None
    ended: int | None = None
    # When the control plane heard of the end.
    settled: int | None = None
    spawn_ms: int | None = None
    wip: str = ""
    containment: str = ""
    result: dict[str, Any] = {}


class Agent(Record, frozen=True, kw_only=True):
    """An agent as it last introduced itself."""

    id: str
    name: str
    public_key: str
    generation: int
    version: str
    kinds: tuple[str, ...]
    capabilities: tuple[str, ...]
    slots: int
    containment: str
    session: str
    session_started: int
    draining: bool
    created: int
    labels: dict[str, str]
    health: tuple[Check, ...]
    # Labels from the agent's token, which win over its own, and its channel.
    granted: dict[str, str]
    channel: str
    # Whether it may work; each change of that has the next number.
    standing: Standing
    standing_number: int
    standing_reason: str
    # What is known of its rolling state.
    roll: tuple[int, str, str]
    # The host that it is bound to, by digests of its parts, and how strictly.
    fingerprint: dict[str, str]
    binding: Binding
    # The licence that its token names; empty for the default one.
    licence: str = ""


class Change(Record, frozen=True, kw_only=True):
    """What a job proposes to merge."""

    id: str
    job: str
    epoch: int
    name: str
    project: str
    branch: str
    base: str
    head: str
    tree: str
    state: ChangeState
    files: list[dict[str, Any]]
    more_files: int
    reason: str
    merged_commit: str | None
    created: int
    updated: int
    # Agents that wrote some of it.
    authors: tuple[str, ...] = ()
    # The fix whose diff shows the change as it stands; empty and 0 for its own job's.
    diff_job: str = ""
    diff_epoch: int = 0

    @property
    def diff_of(self) -> tuple[str, int]:
        """The attempt whose diff shows the change as it stands: its job and epoch."""
        return (self.diff_job, self.diff_epoch) if self.diff_job else (self.job, self.epoch)


class Decision(Record, frozen=True, kw_only=True):
    """What a person said of a change."""

    change: str
    by: str
    decision: str
    note: str
    at: int
    # The head it was said of.
    head: str = ""


class Evidence(Record, frozen=True, kw_only=True):
    """What the checks said of one tree."""

    job: str
    change: str
    project: str
    head: str
    tree: str
    green: bool
    checks: list[dict[str, Any]]
    at: int


class Event(Record, frozen=True, kw_only=True):
    """One row of the journal."""

    seq: int
    at: int
    type: str
    job: str | None
    agent: str | None
    data: dict[str, Any]


class Submission(Record, frozen=True, kw_only=True):
    """A checked batch on its way in."""

    project: str
    name: str
    jobs: tuple[Job, ...]
    opens_batch: str | None = None
    opens_done: int = 0
    # What the jobs come from, such as a schedule's firing: of one source each name is stored once and never again.
    source: str = ""

    def unique_key(self, job: Job) -> str | None:
        """The key by which a second job of the same source and name is known; None without a source."""
        return f"{self.source}:{job.name}" if self.source else None


class Submitted(Record, frozen=True, kw_only=True):
    """What became of a batch: its id and (job id, name) for each job, in order.

    `twins` are the names of jobs that were not stored, for one with the same unique key has not ended: the id is its.
    """

    batch: str
    jobs: tuple[tuple[str, str], ...]
    twins: frozenset[str] = frozenset()
    # Leases granted ahead of a beat.
    ahead: "tuple[Granted, ...]" = ()


class BeatIn(Record, frozen=True, kw_only=True):
    """One beat's business with the store. `lanes` are those that the agent can take, `ttl` is a lease's length."""

    agent: str
    session: str
    seq: int
    now: int
    ttl: int
    outcomes: tuple[Outcome, ...] = ()
    held: tuple[Held, ...] = ()
    want: int = 0
    lanes: tuple[str, ...] = ()


class Granted(Record, frozen=True):
    """A lease just granted, with all that the order to the agent is made of; JSON columns as they are stored.

    The fields stand in the order of the statements `grant` and `lease_order`.
    """

    id: str
    name: str
    project: str
    kind: str
    lane: str
    attempt: int
    epoch: int
    session: str
    urgency: int
    payload: str
    scope: str
    accept: str
    timeout: int
    # What the run may use, as JSON; empty for no bound.
    allowed: str = ""


class BeatOut(Record, frozen=True, kw_only=True):
    """What came of it: acks as (job, epoch, code), stops as (job, epoch, why), leases granted."""

    acks: tuple[tuple[str, int, str], ...]
    stops: tuple[tuple[str, int, str], ...]
    granted: tuple[Granted, ...]
    # Leases this session holds after the beat.
    leases: int
    # Whether something has become ready for other agents.
    readied: bool


class SessionStart(Record, frozen=True, kw_only=True):
    """An agent's new boot."""

    agent: str
    session: str
    hello: Hello
    now: int
    # Outcomes that an earlier session could not deliver; taken before what it held is given up.
    outcomes: tuple[Outcome, ...] = ()


class Counts(Record, frozen=True, kw_only=True):
    """The figures behind the fleet page."""

    jobs: dict[str, int]
    changes: dict[str, int]
    done_last_hour: int
    anomalies: int


class Pulse(Record, frozen=True, kw_only=True):
    """Whether anything wants doing: the journal's last row, when the next lease ends, when leases were last kept.

    `schedule` is when the next schedule is due. `clock` is the store's own, in epoch milliseconds as the others are.
    """

    seq: int
    expiry: int | None
    kept: int
    schedule: int | None = None
    clock: int


class JobFilter(Record, frozen=True, kw_only=True):
    """Which jobs to list; None lets all through."""

    state: str | None = None
    project: str | None = None
    batch: str | None = None
    kind: str | None = None
    label: str | None = None
    system: bool = False
    limit: int = 500


class Many(Record, frozen=True, kw_only=True):
    """Which jobs an action is about; None lets all through. System jobs are never among them."""

    states: tuple[JobState, ...]
    project: str | None = None
    kind: str | None = None
    batch: str | None = None
    label: str | None = None
    # Submitted at this moment or earlier, in epoch milliseconds.
    before: int
    # The newest job that may be among them.
    upto: str
    most: int


class ManyDone(Record, frozen=True, kw_only=True):
    """How many jobs of a step were changed, and the agents that are to stop one."""

    done: int
    agents: tuple[str, ...]


class NewSchedule(Record, frozen=True, kw_only=True):
    """A schedule on its way in: either `cron` in `zone`, or `every` milliseconds; `submits` is a batch as written."""

    name: str
    project: str
    submits: dict[str, Any]
    cron: str = ""
    zone: str = "UTC"
    every: int | None = None
    # While jobs of an earlier firing have not ended: skip, queue or replace.
    overlap: str = "skip"
    # Whether a time that was missed is made good.
    catch_up: bool = True


class Schedule(NewSchedule, frozen=True, kw_only=True):
    """A schedule as it stands."""

    id: str
    paused: bool
    next_at: int
    created: int


class Firing(Record, frozen=True, kw_only=True):
    """One time at which a schedule was due: the batch it made, or why it made none."""

    schedule: str
    at: int
    batch: str | None
    reason: str


class Fired(Record, frozen=True, kw_only=True):
    """What came of a time that was due: the batch, and when the schedule is due next; None for never."""

    batch: str | None = None
    next_at: int | None
