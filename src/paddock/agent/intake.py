"""What an order must pass before anything of it is acted on: cheap checks first, one code per refusal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from paddock.agent import warrants
from paddock.agent.journal import Journal
from paddock.agent.policy import Judge, LocalPolicy
from paddock.agent.secrets import lend
from paddock.core import kinds
from paddock.core.errors import BadInput, PaddockError
from paddock.core.job import check_scope
from paddock.wire.envelope import Envelope, EnvelopeError, unseal
from paddock.wire.keys import Signer, Verifier
from paddock.wire.messages import Decoder, Grant, JobOrder, Manifest

CLOCK_LEEWAY_MS = 60_000
LONGEST_MS = 24 * 3_600_000
_decoder = Decoder(JobOrder)
_manifests = Decoder(Manifest)

# Every code an order can be refused with, and what it means. The docs' table is made from this one.
REFUSALS: Mapping[str, str] = {
    "unsigned": "no key of the control plane that may sign jobs has signed it",
    "bad_signature": "the signature does not fit the bytes: they were changed on the way",
    "malformed": "the body is not what a job order promises",
    "wrong_target": "it is addressed to another agent, key, activation, job or epoch",
    "expired": "its time to start has passed",
    "not_yet": "its time to start has not come",
    "replayed": "this order, or a later one for the job, was accepted here before",
    "not_capable": "this agent does not run that kind, or cannot contain it",
    "over_capacity": "every slot is taken",
    "draining": "the agent is shutting down",
    "bad_payload": "the payload does not fit its kind",
    "out_of_scope": "its scope does not cover what it asks for, or cannot be held here",
    "unwarranted": "this host asks for a customer's signature over the job, and it has none that holds",
    "above_maximum": "the control plane's signer has not signed it: it asks for more than the maximum scope there",
    "policy_denied": "the policy of this host does not allow it; the detail names the rule",
    "policy_quiet_hours": "the policy of this host keeps these hours quiet",
    "not_licensed": "the agent's licence does not cover it, has expired, or is bound to another host",
    "GRACE_EXHAUSTED": "the agent has not heard from its control plane for longer than its licence allows",
    "secret_missing": "a secret that it names did not come with it, or cannot be read on this host",
}


class Refusal(PaddockError):
    """The order is refused."""

    code = "refused"

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or REFUSALS[code])
        self.told = code


@dataclass(frozen=True, kw_only=True)
class Gatekeeper:
    """What orders are held against. `now` gives epoch milliseconds."""

    agent: str
    agent_key: str
    generation: int
    keys: Mapping[str, Verifier]
    runs: frozenset[str]
    # Whether this host can contain a job now.
    contains: Callable[[], bool]
    journal: Journal
    now: Callable[[], int]
    policy: LocalPolicy = field(default_factory=LocalPolicy)
    # What the licence has against a kind of job: a code and why, or None.
    licence: Callable[[str], tuple[str, str] | None] = lambda _kind: None
    # Opens the secrets that come with an order.
    key: Signer | None = None

    def vouched(self, manifest: Envelope | None) -> frozenset[str]:
        """Digests of the orders that a manifest vouches for: none when it does not hold or is another agent's."""
        if manifest is None:
            return frozenset()
        try:
            listed = _manifests.decode(unseal(manifest, "manifest", self.keys, "job"))
        except EnvelopeError:
            return frozenset()
        return frozenset(listed.digests) if listed.agent == self.agent else frozenset()

    def open_all(self, grants: Sequence[Grant], manifest: Envelope | None) -> list[JobOrder | Refusal]:
        """For each grant of one answer its order, or why it is refused."""
        vouched = self.vouched(manifest)
        epochs = self.journal.epochs_of([grant.job for grant in grants])
        judge = self.policy.judge(self.now())
        out: list[JobOrder | Refusal] = []
        for grant in grants:
            try:
                order = self._open(grant, vouched, epochs, judge.now_ms)
                self._check_work(order, judge)
                out.append(order)
            except Refusal as error:
                out.append(error)
        return out

    def open(self, grant: Grant) -> JobOrder:
        """The order in a grant.

        Raises: Refusal with its code.
        """
        found = self.open_all([grant], None)[0]
        if isinstance(found, Refusal):
            raise found
        return found

    def _open(self, grant: Grant, vouched: frozenset[str], epochs: Mapping[str, int], now: int) -> JobOrder:
        try:
            order = _decoder.decode(unseal(grant.order, "job", self.keys, "job", vouched))
        except EnvelopeError as error:
            raise Refusal(error.code if error.code in REFUSALS else "malformed", error.message) from None
        self._check_target(order)
        self._check_time(order, now)
        latest = epochs if order.job == grant.job else self.journal.epochs_of([order.job])
        if order.epoch <= latest.get(order.job, 0):
            raise Refusal("replayed")
        if (order.job, order.epoch) != (grant.job, grant.epoch):
            raise Refusal("wrong_target", "it is the order of another lease")
        return order

    def _check_target(self, order: JobOrder) -> None:
        mine = (self.agent, self.agent_key, self.generation)
        if (order.agent, order.agent_key, order.generation) != mine:
            raise Refusal("wrong_target")

    def _check_time(self, order: JobOrder, now: int) -> None:
        if order.exp + CLOCK_LEEWAY_MS < now:
            raise Refusal("expired")
        if order.nbf - CLOCK_LEEWAY_MS > now or order.exp - order.nbf > LONGEST_MS:
            raise Refusal("not_yet")

    def _check_work(self, order: JobOrder, judge: Judge) -> None:
        if against := self.licence(order.kind):
            raise Refusal(*against)
        if order.kind not in self.runs:
            raise Refusal("not_capable", f"no runner for {order.kind}")
        kind = kinds.KINDS[order.kind]
        if kind.worktree and order.base is None:
            raise Refusal("not_capable", "the order has no base")
        try:
            kinds.check_payload(kind, order.payload, "order")
        except BadInput as error:
            raise Refusal("bad_payload", error.message) from None
        try:
            check_scope(order.scope, order.payload)
        except BadInput as error:
            raise Refusal("out_of_scope", error.message) from None
        self._check_policy(order, judge, worktree=kind.worktree)
        if why := warrants.against(order, judge.policy(), self.journal, judge.now_ms):
            raise Refusal("unwarranted", why)

    def _check_policy(self, order: JobOrder, judge: Judge, *, worktree: bool) -> None:
        """Scope ∩ policy must leave enough to run with, and the host must be able to hold it."""
        try:
            found, degraded = judge(order)
        except PaddockError as error:
            raise Refusal("not_capable", error.message) from None
        if found:
            code = "policy_quiet_hours" if found[0].passing else "policy_denied"
            raise Refusal(code, "; ".join(f"{denial.rule}: {denial.detail}" for denial in found))
        if worktree and not self.contains() and not degraded:
            raise Refusal("not_capable", "this host cannot contain jobs")
        if order.scope.secrets:
            try:
                lend(order, self.policy.effective(order), self.key)
            except PaddockError as error:
                raise Refusal("secret_missing", error.message) from None


def evidence(envelope: Envelope) -> bytes:
    """The envelope as it came, kept verbatim."""
    return msgspec.json.encode(envelope)


def sift(
    opened: Sequence[JobOrder | Refusal], grants: Sequence[Grant], room: int, full: Refusal
) -> tuple[list[tuple[JobOrder, bytes]], list[tuple[Grant, Refusal]]]:
    """The orders of one answer that may start, with their evidence, and the grants that are refused.

    No job starts twice by one answer, and no more start than there is room for. A grant that only repeats one of those
    that start is dropped: that attempt's outcome is its own to tell.
    """
    good: list[tuple[JobOrder, bytes]] = []
    bad: list[tuple[Grant, Refusal]] = []
    epochs: dict[str, int] = {}
    for grant, order in zip(grants, opened, strict=True):
        if isinstance(order, Refusal):
            found = order
        elif order.job in epochs:
            found = Refusal("replayed", "it stands twice in one answer")
        elif len(good) >= room:
            found = full
        else:
            good.append((order, evidence(grant.order)))
            epochs[order.job] = order.epoch
            continue
        bad.append((grant, found))
    return good, [(grant, why) for grant, why in bad if epochs.get(grant.job) != grant.epoch]
