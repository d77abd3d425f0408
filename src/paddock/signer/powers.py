"""Who a process may be and what it may do: another user for the signer, fewer powers for root."""

import contextlib
import ctypes
import os
import pwd
import resource
import signal
import struct
from pathlib import Path

USER = "paddock-signer"
# A number that nobody else has, beside the one that jobs run as.
UID = 60818
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_SYS_CAPSET = {"x86_64": 126, "aarch64": 91, "riscv64": 91}
_CAPABILITY_VERSION_3 = 0x20080522
# What a control plane may need that is root's: a port below 1024, as many open files as it likes.
_KEPT = (1 << 10) | (1 << 24)
_LAST_CAPABILITY = 63
_libc = ctypes.CDLL(None, use_errno=True)


def own_user() -> int:
    """The uid that a signer gets which root starts: passwd's `paddock-signer`, else a number nobody else has."""
    try:
        return pwd.getpwnam(USER).pw_uid
    except KeyError:
        return UID


def end_with_parent(parent: int) -> None:
    """Has the kernel end this process with its parent; to be called again after a change of user."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel knew
        os._exit(0)


def become(uid: int) -> None:
    """Becomes this user for good. Raises: OSError."""
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def shut_off() -> None:
    """From now on no other process of the same user can read this one's memory, and no core of it is written."""
    _libc.prctl(_PR_SET_DUMPABLE, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def shed(*places: Path) -> bool:
    """Gives up root's powers over other users' processes and files, unless one of the places is another user's.

    What runs on as root can still write root's own files. Returns whether the powers are gone.
    """
    number = _SYS_CAPSET.get(os.uname().machine)
    if os.geteuid() != 0 or number is None or any(place.exists() and place.stat().st_uid != 0 for place in places):
        return False
    for power in range(_LAST_CAPABILITY + 1):
        if not _KEPT >> power & 1:
            _libc.prctl(_PR_CAPBSET_DROP, power, 0, 0, 0)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    low, high = _KEPT & 0xFFFFFFFF, _KEPT >> 32
    held = _held()
    low, high = low & held, high & held >> 32
    data = struct.pack("6I", low, low, 0, high, high, 0)
    return int(_libc.syscall(number, header, data)) == 0


def _held() -> int:
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("CapPrm:")).split()[1], 16)
    return 0
