"""The supervisor of a command that works on a task: it renews the claim, for agents forget to."""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence

from paddock.core.errors import BadInput, PaddockError
from paddock.gitnative import protocols
from paddock.gitnative.errors import ClaimLost
from paddock.gitnative.fleet import Agent, Fleet

# Seconds between being told to end and being killed.
GRACE = 10.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def hold(
    fleet: Fleet,
    agent: Agent,
    key: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    beat_s: float,
    say: Callable[[str], None],
) -> int:
    """Runs `argv` while the claim is renewed every `beat_s` seconds; completes the task when it ends with 0, else gives
    it back. Returns the command's exit code.

    The command dies with this process, and it is ended when the claim is lost. Raises: ClaimLost; BadInput when it
    cannot be started.
    """
    verbs = protocols.of(fleet)
    try:
        process = subprocess.Popen(argv, env=env, start_new_session=True, preexec_fn=_die_with_parent)
    except OSError as error:
        verbs.release(fleet, agent, key, reason="its command could not be started")
        raise BadInput(f"{argv[0]} cannot be started: {error.strerror}") from None
    ended = threading.Event()
    lost: list[ClaimLost] = []

    def renew() -> None:
        while not ended.wait(beat_s):
            try:
                verbs.beat(fleet, agent, key)
            except ClaimLost as error:
                lost.append(error)
                _end(process)
                return
            except PaddockError as error:
                say(f"the claim could not be renewed: {error.message}")

    beats = threading.Thread(target=renew, name="beats", daemon=True)
    beats.start()
    try:
        code = process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        ended.set()
        beats.join()
    if lost:
        raise lost[0]
    if code == 0:
        verbs.complete(fleet, agent, key)
        return 0
    with contextlib.suppress(ClaimLost):  # the command has ended it itself
        verbs.release(fleet, agent, key, reason=f"its command ended with {code}")
    return code if code > 0 else 128 - code


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                continue
