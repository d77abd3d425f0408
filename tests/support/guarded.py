"""Runs a server for tests so that it ends with whoever started it: `guarded.py PARENT UID SIGNAL PROGRAM ARGS…`.

Run as a script, by path, before anything of the tests can be imported. UID, a number: become that user first; `map`:
stay who we are in a user namespace that calls us nobody, for a server that refuses root where no other user can be
had; `keep`: stay as we are. SIGNAL is what the kernel sends when the starting thread ends, kill −9 included.
"""

import ctypes
import os
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000


def main(parent: int, who: str, number: int, command: list[str]) -> None:
    """Becomes the command."""
    libc = ctypes.CDLL(None, use_errno=True)
    if who == "map":
        me = os.geteuid()
        if libc.unshare(_CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "no user namespace")
        Path("/proc/self/uid_map").write_text(f"65534 {me} 1")
    elif who != "keep":
        os.setgroups([])
        os.setgid(int(who))
        os.setuid(int(who))
    # After the change of user, which would clear it.
    libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel knew whom to tell
        sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
