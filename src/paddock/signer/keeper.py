"""Starts a signer and starts it again whenever it ends.

The keeper is a small process between the control plane and the signer. It holds the listening socket, so that whoever
asks while the signer starts anew only waits, and the right to become the signer's user; it never reads a key.
"""

import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paddock.core.errors import BadInput
from paddock.signer import powers
from paddock.signer.bounds import Limit
from paddock.signer.folder import Folder
from paddock.signer.office import Office
from paddock.signer.service import Service

_log = logging.getLogger("paddock.signer")
# Seconds that a signer must have lived to be started anew at once, and the pause where it has not.
STEADY_S, PAUSE_S = 1.0, 0.2
_BACKLOG = 64


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a signer is given: the folder of keys, the file of the maximum scope, who may ask it, and who it is."""

    keys: Path
    maximum: Path | None
    users: frozenset[int]
    # The uid that it runs as; our own where it cannot be another.
    uid: int


@dataclass(frozen=True)
class Started:
    """Where a signer listens, and its keeper's process."""

    address: str
    pid: int


def plan(keys: Path, maximum: Path | None, users: frozenset[int]) -> Plan:
    """The plan of a signer with a user of its own, where we are root and the folder can be its own; else with ours."""
    uid = powers.own_user() if os.geteuid() == 0 else os.geteuid()
    try:
        keys.mkdir(parents=True, exist_ok=True, mode=0o755)
        _give(keys, uid)
    except OSError as error:
        if os.geteuid() != 0 or not keys.is_dir():
            raise BadInput(f"the keys in {keys} cannot be used: {error.strerror}") from None
        _log.warning("the keys in %s stay root's: %s", keys, error.strerror, extra={"action": "signer.not_apart"})
        uid = 0
    return Plan(keys=keys, maximum=maximum, users=users, uid=uid)


def _give(keys: Path, uid: int) -> None:
    """Makes the folder and its files that user's."""
    for path in (*keys.glob("*"), keys):
        if path.lstat().st_uid != uid:
            os.chown(path, uid, uid, follow_symlinks=False)
    if keys.stat().st_mode & 0o022:
        keys.chmod(0o755)


@contextlib.contextmanager
def beside(given: Plan) -> Iterator[Started]:
    """A signer beside this process, which must not have begun any thread; it ends with this process, however."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind("")  # a name that the kernel chooses and that nobody else can have while it is open
        listening.listen(_BACKLOG)
        name = listening.getsockname()
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            _child(given, listening, parent)
    try:
        yield Started(name.decode() if isinstance(name, bytes) else name, pid)
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _child(given: Plan, listening: socket.socket, parent: int) -> None:
    """The keeper's whole life."""
    try:
        os.setsid()
        powers.end_with_parent(parent)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        keep(given, listening)
    finally:
        os._exit(1)


def keep(given: Plan, listening: socket.socket) -> None:
    """Runs signers, one after the other, for ever."""
    handle = os.open(given.keys, os.O_RDONLY | os.O_DIRECTORY)
    _close_others({0, 1, 2, handle, listening.fileno()})
    while True:
        began, keeper = time.monotonic(), os.getpid()
        pid = os.fork()
        if not pid:
            _signer(given, listening, handle, keeper)
        _, status = os.waitpid(pid, 0)
        how = os.waitstatus_to_exitcode(status)
        _say(f"the signer ended with {how}; starting it again")
        if time.monotonic() - began < STEADY_S:
            time.sleep(PAUSE_S)


def _close_others(wanted: set[int]) -> None:
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number not in wanted:
            with contextlib.suppress(OSError):
                os.close(number)


def _signer(given: Plan, listening: socket.socket, handle: int, keeper: int) -> None:
    """The signer's whole life. What stands above the folder need not be open to its user."""
    try:
        if os.geteuid() != given.uid:
            powers.become(given.uid)
        powers.end_with_parent(keeper)
        powers.shut_off()
        folder = Folder(Path(f"/proc/self/fd/{handle}"), given.keys)
        Service(Office(folder, Limit(given.maximum)), given.users).run(listening)
    except OSError as error:
        _say(f"the signer cannot run: {error}")
    finally:
        os._exit(1)


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"paddock: {text}\n")
        sys.stderr.flush()
