"""What agents and the control plane say to each other. Unknown fields are refused; whole numbers and texts are bounded.

All times are epoch milliseconds.
"""

from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from paddock.core.job import Scope
from paddock.wire.envelope import Envelope, Malformed, check_bounds, check_names

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=4_096)]
Millis = Annotated[int, Meta(ge=0, le=2**53)]
Count = Annotated[int, Meta(ge=0, le=2**31)]


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The manner of every message."""


class Base(Struct, frozen=True, kw_only=True):
    """Where a job starts: the repository and the branch whose tip it builds on."""

    repo: Annotated[str, Meta(max_length=4_096)]
    branch: Name


class Limits(Struct, frozen=True, kw_only=True):
    """Seconds a run may take, seconds it may be silent (0: no limit), and what models may cost it (None: no limit).

    Money is millionths of the fleet's currency.
    """

    wall_s: Annotated[int, Meta(ge=1, le=86_400)]
    silence_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    money: Millis | None = None
    tokens: Millis | None = None


class JobOrder(Struct, frozen=True, kw_only=True):
    """The body of a job envelope: everything the agent acts on is in here and nowhere else."""

    v: Annotated[int, Meta(ge=1, le=1)] = 1
    job: Id
    name: Name
    kind: Name
    project: Name
    agent: Id
    agent_key: Annotated[str, Meta(max_length=64)]
    generation: Count
    attempt: Count
    epoch: Annotated[int, Meta(ge=1, le=2**31)]
    nonce: Annotated[str, Meta(min_length=16, max_length=64)]
    nbf: Millis
    exp: Millis
    base: Base | None = None
    payload: dict[str, Any]
    scope: Scope
    limits: Limits
    accept: tuple[str, ...] = ()
    # Values of the secrets that the scope names, as far as the control plane has them; sealed to the agent's key.
    secrets: Annotated[str, Meta(max_length=120_000)] = ""


class Manifest(Struct, frozen=True, kw_only=True):
    """The body of a manifest envelope: one signature for many orders. Each order is proven by its digest in it."""

    agent: Id
    digests: tuple[str, ...]


class FileChange(Struct, frozen=True, kw_only=True):
    """One path that a run changed; counts are lines, None for binary files."""

    path: Annotated[str, Meta(max_length=4_096)]
    added: Count | None = None
    removed: Count | None = None
    status: Annotated[str, Meta(max_length=2)] = "M"


class ChangeReport(Struct, frozen=True, kw_only=True):
    """What a run proposes to merge."""

    branch: Name
    base: Annotated[str, Meta(pattern="^[0-9a-f]{40,64}$")]
    head: Annotated[str, Meta(pattern="^[0-9a-f]{40,64}$")]
    tree: Annotated[str, Meta(pattern="^[0-9a-f]{40,64}$")]
    files: Annotated[tuple[FileChange, ...], Meta(max_length=2_000)] = ()
    more_files: Count = 0


class Outcome(Struct, frozen=True, kw_only=True):
    """How an attempt ended."""

    job: Id
    # The session that held the lease, when it is not the one that beats: an outcome from before a restart.
    session: Annotated[str, Meta(max_length=64)] = ""
    epoch: Annotated[int, Meta(ge=1, le=2**31)]
    # done, failed, refused, returned or cancelled
    status: Annotated[str, Meta(pattern="^(done|failed|refused|returned|cancelled)$")]
    code: Annotated[str, Meta(max_length=64)] = ""
    detail: Text = ""
    exit_code: int | None = None
    started: Millis = 0
    ended: Millis = 0
    # Milliseconds from acceptance to the start of the run: what spawning cost.
    spawn_ms: Count = 0
    wip: Annotated[str, Meta(max_length=64)] = ""
    change: ChangeReport | None = None
    result: dict[str, Any] = {}
    # `contained`, or `none` for a run outside any box.
    containment: Annotated[str, Meta(max_length=32)] = ""


class Held(Struct, frozen=True, kw_only=True):
    """A lease that the agent believes it holds. `cancelling` says that it has seen the order to stop."""

    job: Id
    epoch: Annotated[int, Meta(ge=1, le=2**31)]
    cancelling: bool = False


class Check(Struct, frozen=True, kw_only=True):
    """How one of the agent's own health checks stands since `at`; an advisory one keeps no work away."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]
    ok: bool
    detail: Annotated[str, Meta(max_length=200)] = ""
    at: Millis = 0
    advisory: bool = False


Checks = Annotated[tuple[Check, ...], Meta(max_length=20)]
LabelKey = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._/-]{0,62}$")]
LabelValue = Annotated[str, Meta(max_length=128)]


class Finding(Struct, frozen=True, kw_only=True):
    """Something that an agent has found about itself or about what it was handed."""

    type: Annotated[str, Meta(pattern="^[a-z_]{1,32}$")]
    facts: Annotated[dict[Name, int | Annotated[str, Meta(max_length=400)]], Meta(max_length=8)] = {}


class Hello(Struct, frozen=True, kw_only=True):
    """What an agent says of itself; sent with the first beat of a session and whenever it changes."""

    name: Name
    version: Annotated[str, Meta(max_length=64)]
    kinds: Annotated[tuple[Name, ...], Meta(max_length=100)]
    capabilities: Annotated[tuple[Name, ...], Meta(max_length=200)]
    slots: Annotated[int, Meta(ge=0, le=10_000)]
    containment: Annotated[str, Meta(max_length=32)] = ""
    pid: Count = 0
    labels: Annotated[dict[LabelKey, LabelValue], Meta(max_length=32)] = {}
    health: Checks = ()
    # The number of the last word on its standing that it keeps.
    standing: Count = 0
    # Digests of its host's parts; see core/fingerprint.py.
    fingerprint: Annotated[dict[Name, Annotated[str, Meta(max_length=64)]], Meta(max_length=12)] = {}
    # Whether it keeps a licence.
    licensed: bool = False


class Beat(Struct, frozen=True, kw_only=True):
    """The one request an agent makes: outcomes and lease renewals up, jobs and directives down."""

    agent: Id
    session: Id
    seq: Count
    sent: Millis
    hello: Hello | None = None
    held: Annotated[tuple[Held, ...], Meta(max_length=10_000)] = ()
    outcomes: Annotated[tuple[Outcome, ...], Meta(max_length=1_000)] = ()
    # Jobs the agent would start now.
    want: Annotated[int, Meta(ge=0, le=10_000)] = 0
    draining: bool = False
    # How every check stands, when one of them has changed since the last beat; None otherwise.
    health: Checks | None = None
    # The state that rolls with the beats, and the nonce written down ahead of this one; see core/rolling.py.
    state: Annotated[str, Meta(max_length=96)] = ""
    nonce: Annotated[str, Meta(max_length=32)] = ""
    findings: Annotated[tuple[Finding, ...], Meta(max_length=20)] = ()
    # How many statements on the control plane's keys it has followed.
    keys: Count = 0


class Ack(Struct, frozen=True, kw_only=True):
    """The fate of one outcome: `code` is empty when it was taken, else why not; either way it is not sent again."""

    job: Id
    epoch: Count
    code: str = ""


class Stop(Struct, frozen=True, kw_only=True):
    """An order to end one attempt: `cancel` (a person asked) or `stale` (another attempt holds the job)."""

    job: Id
    epoch: Count
    why: str


class Directive(Struct, frozen=True, kw_only=True):
    """The body of a directive envelope: orders to one session of one agent, in answer to one beat."""

    agent: Id
    session: Id
    seq: Count
    acks: tuple[Ack, ...] = ()
    stops: tuple[Stop, ...] = ()
    drain: bool = False


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A lease and its order. Job and epoch only say which lease a refusal is about; the order is the envelope."""

    job: str
    epoch: int
    order: Envelope


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a beat. Only `jobs` and `directive` are orders, and all are signed.

    Unknown fields are let through here, so that a newer control plane can talk to an older agent.
    """

    now: int
    next_ms: int
    bearer: str = ""
    jobs: tuple[Grant, ...] = ()
    # Vouches for the orders in `jobs` that carry no signature of their own.
    manifest: Envelope | None = None
    directive: Envelope | None = None
    # The newest seal of the journal; now and then, for agents to keep as witnesses.
    checkpoint: Envelope | None = None
    # The next state, when the beat has shown one.
    state: str = ""
    # Where the agent stands, when it may not have heard.
    standing: Envelope | None = None
    # Its licence, a JWT, now and then; and what keeps it from work under it, as long as it does.
    licence: str = ""
    waits: str = ""
    # The control plane's version, when the agent's is older; with the bearer.
    update: str = ""
    # Statements on keys that the agent has not followed yet; to be looked at before all else.
    keys: tuple[Envelope, ...] = ()


class Activation(Struct, frozen=True, kw_only=True):
    """Redeems an activation token; signed by the fresh key that it carries."""

    token: Annotated[str, Meta(min_length=8, max_length=128)]
    public_key: Annotated[str, Meta(max_length=64)]
    name: Name
    version: Annotated[str, Meta(max_length=64)] = ""
    sent: Millis = 0


class ControlKey(Struct, frozen=True, kw_only=True):
    """A public key of the control plane, raw in base64, with the one role it is good for."""

    keyid: Name
    role: Name
    key: Annotated[str, Meta(max_length=64)]
    # Counted in its role; and whether it was followed by another and is not taken any more.
    number: Annotated[int, Meta(ge=1, le=2**31)] = 1
    ended: bool = False


class Activated(msgspec.Struct, frozen=True, kw_only=True):
    """The agent's identity from now on."""

    agent: str
    generation: int
    keys: tuple[ControlKey, ...]
    server_time: int
    # How many statements on keys these follow from.
    followed: int = 0


T = TypeVar("T")

_encoder = msgspec.json.Encoder()
encode = _encoder.encode


class Decoder(Generic[T]):
    """A strict decoder of one message type."""

    def __init__(self, kind: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(kind)

    def decode(self, body: bytes) -> T:
        """Raises: Malformed."""
        check_bounds(body)
        try:
            found = self._decoder.decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Malformed(str(error)) from None
        # What comes out as it went in cannot hold a name twice; only other spellings need the slower look.
        if encode(found) != body:
            check_names(body)
        return found
