"""Waiting for what has no signal to wait for."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


FIRST, LONGEST, LONGER = 0.02, 0.1, 1.2


def wait_until(predicate: Callable[[], T], seconds: float = 60.0, *, every: float = 0.0, what: str = "") -> T:
    """The first truthy value of `predicate`, asked every `every` seconds; else less often the longer it takes.

    Raises: AssertionError naming `what` and the last value after `seconds`.
    """
    deadline = time.monotonic() + seconds
    pause = every or FIRST
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or repr(predicate)}; last seen: {value!r}")
        time.sleep(pause)
        pause = every or min(LONGEST, pause * LONGER)


def gone(pid: int) -> bool:
    """Whether a process has ended, whoever has yet to take note of it; it may go while it is looked at."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    return True
