"""The words of a job as people submit it: batches, jobs, scopes."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from paddock.core import coding_agents, graph, kinds, money, scope, scope_env, scope_hosts, secrets
from paddock.core.errors import BadInput
from paddock.core.spending import Caps

MAX_JOBS = 20_000
# Bytes of JSON that one job's fields may take together: they must fit into one signed order.
MAX_FIELDS = 128 * 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
CAPABILITY = re.compile(r"[a-z0-9][a-z0-9._:+-]{0,63}\Z")
# Begins with a letter, so that no number is taken for one.
LIMIT = re.compile(r"[a-z][a-z0-9._:+-]{0,63}\Z")

Priority = Annotated[int, Meta(ge=1, le=10)]
Timeout = Annotated[int, Meta(ge=1, le=86_400)]
Tries = Annotated[int, Meta(ge=1, le=100)]
# A text of the user's own that jobs share or do not share; compared as it stands.
Key = Annotated[str, Meta(min_length=1, max_length=200)]

# Capabilities, labels or limits of one job.
MAX_WORDS = 32
# Epoch milliseconds: a smaller number is rather meant in seconds, a larger one has no date.
FIRST_MOMENT, LAST_MOMENT = 100_000_000_000, 253_402_300_799_999
MOMENT_HINT = "such as 2030-01-31T08:00:00Z or 2030-01-31T08:00+01:00"

_STANDING = ("labels", "limits", "exclusive", "not_before", "budget")

DEFAULT_PRIORITY = 5
DEFAULT_TRIES = 3


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which paths of the worktree a job may write, and which of these not: patterns relative to its top."""

    write: tuple[str, ...] = ("**",)
    deny: tuple[str, ...] = ()


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a job may touch. Left out, a job may write its worktree, start its own argv, and reach no host."""

    files: Files = Files()
    commands: tuple[tuple[str, ...], ...] | None = None
    hosts: tuple[str, ...] = ()
    # Names of the secrets it needs.
    secrets: tuple[str, ...] = ()
    # Whether it reads what outsiders wrote: issues, pull requests, the web.
    untrusted: bool = False
    # Whether all it is given is public already, its repository too.
    public: bool = False
    # Whether it may run where no host can contain it; the host's policy must say so as well.
    degraded: bool = False
    # What a customer's own key has signed of the job; `paddock sign` makes it.
    warrant: Annotated[str, Meta(max_length=100_000)] = ""


class JobBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a job may cost over all its tries and the fixes of its change; `money` 0 says that it uses no model."""

    money: int | float | str | None = None
    tokens: Annotated[int, Meta(ge=0, le=10**12)] | None = None
    time: Annotated[int, Meta(ge=1, le=10**9)] | None = None

    def caps(self, where: str) -> Caps:
        """The same in millionths, tokens and seconds. Raises: BadInput."""
        amount = None if self.money is None else money.parse(self.money, f"{where}.money")
        return Caps(money=amount, tokens=self.tokens if amount != 0 else self.tokens or 0, time=self.time)


class JobFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a job says of itself; in a batch's `defaults`, what its jobs say unless they say otherwise."""

    kind: str | UnsetType = UNSET
    payload: dict[str, Any] | UnsetType = UNSET
    scope: Scope | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    timeout: Timeout | UnsetType = UNSET
    requires: tuple[str, ...] | UnsetType = UNSET
    max_attempts: Tries | UnsetType = UNSET
    accept: tuple[str, ...] | UnsetType = UNSET
    labels: tuple[str, ...] | UnsetType = UNSET
    limits: tuple[str, ...] | UnsetType = UNSET
    exclusive: Key | UnsetType = UNSET
    not_before: int | str | UnsetType = UNSET
    budget: JobBudget | UnsetType = UNSET


class BatchJob(JobFields, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One job of a batch."""

    id: str
    depends_on: tuple[str, ...] = ()
    unique: Key | UnsetType = UNSET


class Opens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A threshold: the batch opens when `done` jobs of `batch` are done."""

    batch: str
    done: Annotated[int, Meta(ge=1)]


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A batch as people write it."""

    project: str
    jobs: tuple[BatchJob, ...]
    defaults: JobFields = JobFields()
    name: str = ""
    opens_after: Opens | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job with every field settled, ready to be stored."""

    name: str
    kind: str
    payload: dict[str, Any]
    scope: Scope
    priority: int
    urgency: int
    timeout: int
    requires: tuple[str, ...]
    max_attempts: int
    accept: tuple[str, ...]
    depends_on: tuple[str, ...]
    labels: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    # Keys of the user's own, within the project; empty for none.
    unique: str = ""
    exclusive: str = ""
    # The earliest start in epoch milliseconds; 0: at once.
    not_before: int = 0
    budget: Caps | None = None


_AT = re.compile(r"(?P<what>.*?) - at `\$\.?(?P<where>.*)`\Z", re.DOTALL)


def parse_batch(raw: object) -> Batch:
    """A decoded document as a batch.

    Raises: BadInput whose `where` is the place, such as `jobs[1].scope`.
    """
    try:
        return msgspec.convert(raw, Batch)
    except msgspec.ValidationError as error:
        raise _misread(error) from None


_batches = msgspec.json.Decoder(Batch)


def decode_batch(raw: bytes) -> Batch:
    """A JSON document as a batch.

    Raises: BadInput whose `where` is the place, such as `jobs[1].scope`; texts that no UTF-8 can hold are refused here.
    """
    try:
        return _batches.decode(raw)
    except msgspec.ValidationError as error:
        raise _misread(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("the body is no JSON") from None


def _misread(error: msgspec.ValidationError) -> BadInput:
    found = _AT.match(str(error))
    where = found["where"] if found else ""
    what = found["what"] if found else str(error)
    return BadInput(what.replace("Object contains", "there is an"), where=where)


def settle(batch: Batch) -> list[Job]:
    """The jobs of a batch with defaults filled in, checked as far as the batch alone tells.

    Raises: BadInput naming the job and the field, the unknown id, or the cycle.
    """
    if not 1 <= len(batch.jobs) <= MAX_JOBS:
        raise BadInput(f"a batch holds 1 to {MAX_JOBS:,} jobs, this one {len(batch.jobs):,}", where="jobs")
    needs: dict[str, tuple[str, ...]] = {}
    for at, job in enumerate(batch.jobs):
        if not NAME.match(job.id):
            raise BadInput(f"id {job.id!r} is not a name", hint="letters, digits, . _ -", where=f"jobs[{at}].id")
        if job.id in needs:
            raise BadInput(f"id {job.id!r} stands twice in the batch", where=f"jobs[{at}].id")
        needs[job.id] = job.depends_on
    _check_unique(batch.jobs)
    base = _base(batch.defaults)
    given = {job.id: base.priority if job.priority is UNSET else job.priority for job in batch.jobs}
    urgency = graph.urgency(given, needs)
    return [_settle_job(job, batch.defaults, base, urgency[job.id], at) for at, job in enumerate(batch.jobs)]


def _check_unique(jobs: Sequence[BatchJob]) -> None:
    """Raises: BadInput for a key that two jobs of one batch share."""
    first: dict[str, str] = {}
    for at, job in enumerate(jobs):
        key = job.unique
        if key is not UNSET and first.setdefault(key, job.id) != job.id:
            raise BadInput(
                f"job {job.id!r}: unique key {key!r} is that of {first[key]!r} too", where=f"jobs[{at}].unique"
            )


def _pick(own: Any, default: Any, otherwise: Any) -> Any:
    if own is not UNSET:
        return own
    return default if default is not UNSET else otherwise


def _base(defaults: JobFields) -> Job:
    """What a job is that says nothing but its id; one of a kind that takes no time of its own has the timeout 0."""
    return Job(
        name="",
        kind=_pick(defaults.kind, UNSET, "command"),
        payload=_pick(defaults.payload, UNSET, {}),
        scope=_pick(defaults.scope, UNSET, Scope()),
        priority=_pick(defaults.priority, UNSET, DEFAULT_PRIORITY),
        urgency=0,
        timeout=_pick(defaults.timeout, UNSET, 0),
        requires=_sorted(_pick(defaults.requires, UNSET, ())),
        max_attempts=_pick(defaults.max_attempts, UNSET, DEFAULT_TRIES),
        accept=_pick(defaults.accept, UNSET, ()),
        depends_on=(),
    )


def _settle_job(job: BatchJob, defaults: JobFields, base: Job, urgency: int, at: int) -> Job:
    kind = kinds.get(base.kind if job.kind is UNSET else job.kind)
    if kind.system:
        raise BadInput(f"kind {kind.name!r} is the control plane's own", where=f"jobs[{at}].kind")
    payload = base.payload if job.payload is UNSET else {**base.payload, **job.payload}
    requires = base.requires if job.requires is UNSET else _sorted(job.requires)
    if isinstance(payload.get("agent"), str):
        requires = _sorted((*requires, coding_agents.CAPABILITY + payload["agent"].lower()))
    settled = Job(
        name=job.id,
        kind=kind.name,
        payload=payload,
        scope=base.scope if job.scope is UNSET else job.scope,
        priority=base.priority if job.priority is UNSET else job.priority,
        urgency=urgency,
        timeout=(base.timeout or kind.timeout) if job.timeout is UNSET else job.timeout,
        requires=requires,
        max_attempts=base.max_attempts if job.max_attempts is UNSET else job.max_attempts,
        accept=base.accept if job.accept is UNSET else job.accept,
        depends_on=job.depends_on,
    )
    if standing := _standing(job, defaults, at):
        settled = msgspec.structs.replace(settled, **standing)
    try:
        kinds.check_payload(kind, payload, "job")
        check_scope(settled.scope, payload)
    except BadInput as error:
        message = error.message.removeprefix("job.")
        raise BadInput(f"job {job.id!r}: {message}", hint=error.hint, where=f"jobs[{at}]") from None
    if len(_encode((payload, settled.scope, settled.requires, settled.accept))) > MAX_FIELDS:
        raise BadInput(
            f"job {job.id!r} is too large: its fields take more than {MAX_FIELDS:,} bytes", where=f"jobs[{at}]"
        )
    if settled.requires or settled.labels or settled.limits or settled.unique or settled.exclusive:
        _check_words(job.id, settled, f"jobs[{at}]")
    return settled


_encode = msgspec.json.Encoder().encode


def _sorted(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(words)))


def _standing(job: BatchJob, defaults: JobFields, at: int) -> dict[str, Any]:
    """What a job says of its place among others; most say nothing."""
    if job.unique is UNSET and _silent(job) and _silent(defaults):
        return {}
    given = {name: _pick(getattr(job, name), getattr(defaults, name), UNSET) for name in _STANDING}
    if job.unique is not UNSET:
        given["unique"] = job.unique
    out = {name: value for name, value in given.items() if value is not UNSET}
    for name in ("labels", "limits"):
        if name in out:
            out[name] = _sorted(out[name])
    if "not_before" in out:
        out["not_before"] = moment(out["not_before"], f"jobs[{at}].not_before")
    if "budget" in out:
        out["budget"] = out["budget"].caps(f"jobs[{at}].budget")
    return out


def _silent(fields: JobFields) -> bool:
    """Whether all of _STANDING is left out."""
    return fields.labels is fields.limits is fields.exclusive is fields.not_before is fields.budget is UNSET


def _check_words(name: str, job: Job, where: str) -> None:
    """Raises: BadInput for a capability, a label or the key of a limit that is no word, or for too many of them."""
    for field, key in (("unique", job.unique), ("exclusive", job.exclusive)):
        if not key.isprintable():
            raise BadInput(f"job {name!r}: {field} is no text of one line", where=f"{where}.{field}")
    for field, words, what, form in (
        ("requires", job.requires, "capability", CAPABILITY),
        ("labels", job.labels, "label", CAPABILITY),
        ("limits", job.limits, "key of a limit", LIMIT),
    ):
        if len(words) > MAX_WORDS:
            raise BadInput(f"job {name!r}: more than {MAX_WORDS} {field}", where=f"{where}.{field}")
        for word in words:
            if not form.match(word):
                raise BadInput(f"job {name!r}: {word!r} is no {what}", where=f"{where}.{field}")


def moment(given: int | str, where: str) -> int:
    """A moment in epoch milliseconds, from that number or from ISO 8601 with an offset; 0 stays 0.

    Raises: BadInput.
    """
    if isinstance(given, int):
        if given and not FIRST_MOMENT <= given <= LAST_MOMENT:
            raise BadInput(f"{where}: {given} is no moment in epoch milliseconds", where=where)
        return given
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise BadInput(f"{where}: {given[:40]!r} is no moment", hint=MOMENT_HINT, where=where) from None
    if found.tzinfo is None:
        raise BadInput(f"{where}: {given[:40]!r} has no offset from UTC", hint=MOMENT_HINT, where=where)
    return max(0, (found - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))


def check_scope(given: Scope, payload: Mapping[str, Any]) -> None:
    """Refuses at submit a scope that cannot be held.

    Raises: BadInput naming the rule.
    """
    for pattern in given.files.write:
        scope.check_pattern(pattern, "scope.files.write")
    for pattern in given.files.deny:
        scope.check_pattern(pattern, "scope.files.deny")
    if "env" in payload:
        scope_env.check_env(payload["env"], "payload.env", rules=given.commands is not None)
    if given.commands is not None:
        for rule in given.commands:
            scope.check_rule(rule, "scope.commands")
        argv = payload.get("argv")
        if argv is not None and not scope.command_allowed(argv, given.commands):
            raise BadInput(f"scope.commands does not take the job's own argv {argv!r}")
    if given.hosts:
        scope_hosts.check_hosts(given.hosts, "scope.hosts")
    if given.secrets:
        secrets.check_names(given.secrets, "scope.secrets")
