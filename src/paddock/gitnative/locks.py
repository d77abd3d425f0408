"""Locks between the processes of this host. The kernel lets go of them when their holder dies."""

import fcntl
import os
import random
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Intents share so many files.
BUCKETS = 256


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock on `path`, waiting as long as its owner lives."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def place(folder: Path, count: int) -> Iterator[None]:
    """Holds one of `count` places below `folder`, waiting for one as long as all are taken; 0: without bound."""
    if not count:
        yield
        return
    numbers = random.sample(range(count), count)
    handles = [os.open(folder / f"place-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for number in numbers]
    try:
        if not any(_try(handle) for handle in handles):
            fcntl.flock(handles[0], fcntl.LOCK_EX)
        yield
    finally:
        for handle in handles:
            os.close(handle)


def try_intent(folder: Path, name: str) -> int | None:
    """A handle that says to this host that somebody goes for `name`; None when somebody else does. To be closed."""
    bucket = zlib.crc32(name.encode()) % BUCKETS
    handle = os.open(folder / f"intent-{bucket}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if _try(handle):
        return handle
    os.close(handle)
    return None


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
