"""Checks of the host that its owner declares and the agent runs: what is not well takes no new jobs.

Only the owner says what runs: an argv, never a shell, in an environment of its own. Nobody beyond the host can.
"""

import asyncio
import random
import re
import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from paddock.core.errors import BadInput
from paddock.runners.base import Stop
from paddock.runners.process import CannotStart, run_process
from paddock.sandbox import Launch
from paddock.wire.messages import Check, Limits

ADVISORY = "advisory:"
MOST = 20
_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}\Z")
_KEY = re.compile(r"^[a-z0-9][a-z0-9._/-]{0,62}\Z")
_TOLD, _KEPT = 200, 4_096
_HINT = '--health disk="test -w /data", or --health advisory:disk="…" for one that keeps no jobs away'


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One check: it is well when its program ends with 0."""

    name: str
    argv: tuple[str, ...]
    advisory: bool = False


def declared(words: Iterable[str]) -> tuple[Declared, ...]:
    """Checks from `name=argv…`, each word as a shell would split it, and nothing else of a shell. Raises: BadInput."""
    out: dict[str, Declared] = {}
    for word in words:
        name, equals, command = word.partition("=")
        advisory = name.startswith(ADVISORY)
        name = name.removeprefix(ADVISORY).strip()
        try:
            argv = tuple(shlex.split(command))
        except ValueError as error:
            raise BadInput(f"health: {word[:80]!r}: {error}", hint=_HINT) from None
        if not (equals and argv and argv[0] and _NAME.match(name)) or name in out or "\0" in command:
            raise BadInput(f"health: {word[:80]!r} is no check of its own name", hint=_HINT)
        out[name] = Declared(name=name, argv=argv, advisory=advisory)
    if len(out) > MOST:
        raise BadInput(f"health: at most {MOST} checks", hint=_HINT)
    return tuple(out.values())


def labels(words: Iterable[str]) -> dict[str, str]:
    """Labels from `key=value`, or `key` alone. Raises: BadInput."""
    out: dict[str, str] = {}
    for word in words:
        key, _, value = (part.strip() for part in word.partition("="))
        if not _KEY.match(key) or len(value) > 128 or not value.isprintable():
            raise BadInput(
                f"labels: {word[:80]!r} is no label", hint="such as zone=eu-1; keys are a-z, 0-9 and . _ / -"
            )
        out[key] = value
    if len(out) > 32:
        raise BadInput("labels: at most 32")
    return out


class _Tail:
    """The end of what a check printed."""

    def __init__(self) -> None:
        self._data = b""

    def write(self, data: bytes) -> None:
        self._data = (self._data + data)[-_KEPT:]

    def line(self) -> str:
        """The last line that says something, fit to be shown."""
        lines = self._data.decode(errors="replace").splitlines()
        told = next((line for line in reversed(lines) if line.strip()), "")
        return "".join(char if char.isprintable() else " " for char in told).strip()[:_TOLD]


class Health:
    """Runs the checks, each at its own pace; `changed` hears how all stand when one has changed. Times are seconds."""

    def __init__(
        self, checks: tuple[Declared, ...], every: float, timeout: float, changed: Callable[[tuple[Check, ...]], None]
    ) -> None:
        self._checks = checks
        self._every = every
        self._timeout = timeout
        self._changed = changed
        self._env: Mapping[str, str] = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/", "LANG": "C.UTF-8"}
        now = _now()
        # What has not run yet is not well: no job comes before the first look.
        self._stands = {
            check.name: Check(name=check.name, ok=False, detail="has not run yet", at=now, advisory=check.advisory)
            for check in checks
        }

    @property
    def stands(self) -> tuple[Check, ...]:
        """How every check stands, in the order of their declaration."""
        return tuple(self._stands.values())

    async def run(self) -> None:
        """Looks for ever."""
        async with asyncio.TaskGroup() as group:
            for check in self._checks:
                group.create_task(self._watch(check), name=f"health {check.name}")

    async def _watch(self, check: Declared) -> None:
        while True:
            detail = await self._look(check)
            before = self._stands[check.name]
            if (before.ok, before.detail) != (not detail, detail):
                self._stands[check.name] = msgspec.structs.replace(before, ok=not detail, detail=detail, at=_now())
                self._changed(self.stands)
            await asyncio.sleep(self._every * (0.9 + random.random() / 5))

    async def _look(self, check: Declared) -> str:
        """What is wrong, or nothing."""
        tail = _Tail()
        launch = Launch(check.argv, env=dict(self._env), cwd=Path("/"), contained=False)
        limits = Limits(wall_s=max(1, round(self._timeout)))
        try:
            ended = await run_process(launch, limits, tail, Stop())
        except CannotStart as error:
            return error.message[:_TOLD]
        if ended.why == "timeout":
            return f"took longer than {limits.wall_s} s"
        if ended.exit_code:
            return tail.line() or f"ended with {ended.exit_code}"
        return ""


def _now() -> int:
    return time.time_ns() // 1_000_000
