"""What a run tells beside its output: what it used, and that a limit stopped it. Its word, bounded and checked.

A run writes `result.json` in the folder of its PADDOCK_RESULT, or prints the lines of a known coding agent; what the
file says of something wins.
"""

import hashlib
import os
import stat
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from paddock.core import money
from paddock.core.errors import BadInput
from paddock.core.job import moment
from paddock.core.settlement import OVER_BUDGET, RATE_LIMITED
from paddock.core.usage import MODEL, MOST_COST, MOST_MODELS, Report, Tokens, Used
from paddock.runners.base import Run
from paddock.runners.formats import Printed

NAME = "result.json"
# Bytes that the file, and that a printed line which tells of use, may have.
MOST_FILE = 64 * 1024
MOST_LINE = 1 << 20
# The exit code of a run that says by it alone that a limit stopped it: EX_TEMPFAIL of sysexits.h.
LIMITED = 75


class _FileUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    model: Annotated[str, Meta(pattern=MODEL)] | None = None
    input: Tokens = 0
    cached: Tokens = 0
    cache_write: Tokens = 0
    output: Tokens = 0
    cost: str | int | float | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = money.CURRENCY


class _Limited(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    # When the limit is over, in epoch seconds or ISO 8601 with an offset; left out when nobody knows.
    until: int | str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    usage: Annotated[tuple[_FileUse, ...], Meta(max_length=MOST_MODELS)] = ()
    session: Annotated[str, Meta(max_length=200)] = ""
    rate_limited: _Limited | None = None


class Meter:
    """A run's output on its way: passed on as it is, its lines read for what they tell.

    A run that tells that it used more than it may is ended.
    """

    def __init__(self, job: Run) -> None:
        self._sink, self._stop, self._limits = job.log, job.stop, job.order.limits
        self._rest = bytearray()
        # Whether the line that is under way is too long to tell anything.
        self._skips = False
        model = job.order.payload.get("model")
        self.told = Printed(model=model if isinstance(model, str) else "")

    def write(self, data: bytes) -> None:
        """Takes some bytes; never blocks."""
        self._sink.write(data)
        *lines, rest = data.split(b"\n")
        for line in lines:
            if not self._skips:
                self._line(bytes(self._rest) + line if self._rest else line)
            self._rest.clear()
            self._skips = False
        if self._skips or len(self._rest) + len(rest) > MOST_LINE:
            self._rest.clear()
            self._skips = True
        else:
            self._rest += rest

    def end(self) -> Printed:
        """What was told, when nothing more comes."""
        self._line(bytes(self._rest))
        self._rest.clear()
        return self.told

    def _line(self, line: bytes) -> None:
        if line[:1] not in (b"{", b"[") or b'"type"' not in line:
            return
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        for one in found if isinstance(found, list) else [found]:
            if isinstance(one, dict) and self.told.take(one):
                self._check()

    def _check(self) -> None:
        limits = self._limits
        if limits.money is None and limits.tokens is None:
            return
        used = self.told.models()
        cost, tokens = sum(one.cost or 0 for one in used), sum(one.tokens for one in used)
        if cost > _or(limits.money, cost) or tokens > _or(limits.tokens, tokens):
            self._sink.write(b"paddock: it used more than its budget lets it\n")
            self._stop.order(OVER_BUDGET)


def _or(bound: int | None, otherwise: int) -> int:
    return otherwise if bound is None else bound


def gather(job: Run, meter: Meter, folder: Path, exit_code: int) -> None:
    """Puts what the run told into its facts: `usage`, and `rate_limited` when a limit stopped it."""
    printed = meter.end()
    try:
        file = _file(folder / NAME)
    except BadInput as error:
        job.log.write(f"paddock: {NAME} was not understood: {error.message}\n".encode())
        file = None
    models = tuple(_used(one) for one in file.usage) if file and file.usage else printed.models()
    note_use(job, models, (file.session if file else "") or printed.session)
    if file is not None and file.rate_limited is not None:
        job.facts[RATE_LIMITED] = {"until": _until(file.rate_limited.until)}
    elif printed.limited or exit_code == LIMITED:
        note_limit(job, printed)


def note_limit(job: Run, printed: Printed) -> None:
    """Puts it into the run's facts that a provider's limit stopped it, and until when."""
    job.facts[RATE_LIMITED] = {"until": printed.until * 1_000 if printed.until else None}


def note_use(job: Run, models: tuple[Used, ...], session: str) -> None:
    """Puts what was used into the run's facts; nothing where nothing was."""
    report = Report(models=models, session=_digest(session) if session else None)
    if report != Report():
        job.facts["usage"] = msgspec.to_builtins(report)


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()[:16]


def _file(path: Path) -> _File | None:
    """What the run wrote; None when it wrote nothing.

    Raises: BadInput for anything but a small file of the known form.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(str(error.strerror)) from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise BadInput("it is no file")
        raw = os.read(handle, MOST_FILE + 1)
    finally:
        os.close(handle)
    if len(raw) > MOST_FILE:
        raise BadInput(f"it is larger than {MOST_FILE >> 10} KiB")
    try:
        found = msgspec.json.decode(raw, type=_File)
        for one in found.usage:
            _used(one)
        if found.rate_limited is not None:
            _until(found.rate_limited.until)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(str(error)[:300]) from None
    return found


def _used(one: _FileUse) -> Used:
    fields: dict[str, Any] = msgspec.structs.asdict(one)
    fields["cost"] = None if one.cost is None else money.parse(one.cost, "usage.cost")
    if (fields["cost"] or 0) > MOST_COST:
        raise BadInput("usage.cost: too much for one run")
    return Used(**fields)


def _until(given: int | str | None) -> int | None:
    """Epoch milliseconds. Raises: BadInput."""
    if given is None:
        return None
    return moment(given * 1_000 if isinstance(given, int) else given, "rate_limited.until")


def limited_for(facts: dict[str, object]) -> str:
    """How long a limit stops the run, in words."""
    given = facts[RATE_LIMITED]
    until = given["until"] if isinstance(given, dict) else None
    return f"until {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(until / 1_000))}" if until else "for some time"
