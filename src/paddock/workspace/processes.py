"""Finding and ending what is left of a run whose owner died."""

import os
import select
import signal
from pathlib import Path

from paddock.sandbox import cgroup
from paddock.sandbox.box import RUN_LABEL
from paddock.workspace.errors import WorkspaceError

PATIENCE = 10.0  # seconds for a killed process to be gone


def end_run(token: str) -> int:
    """Kill every process that carries the run's label or has its private git directory mounted.

    A box dies with its owner; this catches the moment before that, and runs without a box. Gives their number.
    """
    needles = {
        "cmdline": f"\0{RUN_LABEL}\0{token}\0".encode(),
        "environ": f"{RUN_LABEL}={token}\0".encode(),
        "mountinfo": f"/git-{token} ".encode(),
    }
    ended = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _belongs(entry, needles):
            ended += _kill(int(entry.name), entry, needles)
    cgroup.remove(token)
    return ended


def _belongs(entry: Path, needles: dict[str, bytes]) -> bool:
    for name, needle in needles.items():
        try:
            if needle in (entry / name).read_bytes():
                return True
        except OSError:
            continue
    return False


def _kill(pid: int, entry: Path, needles: dict[str, bytes]) -> int:
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return 0
    try:
        if not _belongs(entry, needles):  # the number was given to another process meanwhile
            return 0
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        ready, _, _ = select.select([fd], [], [], PATIENCE)
        if not ready:
            raise WorkspaceError(f"process {pid} of a dead run cannot be ended")
        return 1
    except ProcessLookupError:
        return 0
    finally:
        os.close(fd)
