"""The words of a job as people submit it: batches, jobs, scopes."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from paddock.core import graph, kinds, scope
from paddock.core.errors import BadInput

MAX_JOBS = 20_000
# Bytes of JSON that one job's fields may take together: they must fit into one signed order.
MAX_FIELDS = 128 * 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
CAPABILITY = re.compile(r"[a-z0-9][a-z0-9._:+-]{0,63}\Z")

Priority = Annotated[int, Meta(ge=1, le=10)]
Timeout = Annotated[int, Meta(ge=1, le=86_400)]
Tries = Annotated[int, Meta(ge=1, le=100)]

DEFAULT_PRIORITY = 5
DEFAULT_TRIES = 3


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which paths of the worktree a job may write: patterns relative to its top."""

    write: tuple[str, ...] = ("**",)


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a job may touch. Left out, a job may write its worktree, start its own argv, and reach no host."""

    files: Files = Files()
    commands: tuple[tuple[str, ...], ...] | None = None
    hosts: tuple[str, ...] = ()


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


class BatchJob(JobFields, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One job of a batch."""

    id: str
    depends_on: tuple[str, ...] = ()


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
    given = {job.id: _pick(job.priority, batch.defaults.priority, DEFAULT_PRIORITY) for job in batch.jobs}
    urgency = graph.urgency(given, needs)
    return [_settle_job(job, batch.defaults, urgency[job.id], f"jobs[{at}]") for at, job in enumerate(batch.jobs)]


def _pick(own: Any, default: Any, otherwise: Any) -> Any:
    if own is not UNSET:
        return own
    return default if default is not UNSET else otherwise


def _settle_job(job: BatchJob, defaults: JobFields, urgency: int, where: str) -> Job:
    kind = kinds.get(_pick(job.kind, defaults.kind, "command"))
    if kind.system:
        raise BadInput(f"kind {kind.name!r} is the control plane's own", where=f"{where}.kind")
    payload = {**_pick(defaults.payload, UNSET, {}), **_pick(job.payload, UNSET, {})}
    settled = Job(
        name=job.id,
        kind=kind.name,
        payload=payload,
        scope=_pick(job.scope, defaults.scope, Scope()),
        priority=_pick(job.priority, defaults.priority, DEFAULT_PRIORITY),
        urgency=urgency,
        timeout=_pick(job.timeout, defaults.timeout, kind.timeout),
        requires=tuple(sorted(set(_pick(job.requires, defaults.requires, ())))),
        max_attempts=_pick(job.max_attempts, defaults.max_attempts, DEFAULT_TRIES),
        accept=_pick(job.accept, defaults.accept, ()),
        depends_on=job.depends_on,
    )
    try:
        kinds.check_payload(kind, payload, "job")
        check_scope(settled.scope, payload)
    except BadInput as error:
        message = error.message.removeprefix("job.")
        raise BadInput(f"job {job.id!r}: {message}", hint=error.hint, where=where) from None
    if len(msgspec.json.encode((payload, settled.scope, settled.requires, settled.accept))) > MAX_FIELDS:
        raise BadInput(f"job {job.id!r} is too large: its fields take more than {MAX_FIELDS:,} bytes", where=where)
    for word in settled.requires:
        if not CAPABILITY.match(word):
            raise BadInput(f"job {job.id!r}: {word!r} is no capability", where=f"{where}.requires")
    return settled


def check_scope(given: Scope, payload: Mapping[str, Any]) -> None:
    """Refuses at submit a scope that cannot be held.

    Raises: BadInput naming the rule.
    """
    for pattern in given.files.write:
        scope.check_pattern(pattern, "scope.files.write")
    if given.commands is not None:
        for rule in given.commands:
            scope.check_rule(rule, "scope.commands")
        argv = payload.get("argv")
        if argv is not None and not scope.command_allowed(argv, given.commands):
            raise BadInput(f"scope.commands does not take the job's own argv {argv!r}")
    if given.hosts:
        raise BadInput(
            "scope.hosts: this release contains jobs without any network", hint="leave hosts empty or out of the scope"
        )
