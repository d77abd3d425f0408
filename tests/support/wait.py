"""Waiting for what has no signal to wait for."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], seconds: float = 10.0, *, every: float = 0.02, what: str = "") -> T:
    """The first truthy value of `predicate`, asked every `every` seconds.

    Raises: AssertionError naming `what` and the last value after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or repr(predicate)}; last seen: {value!r}")
        time.sleep(every)
