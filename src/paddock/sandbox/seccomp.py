"""The filter of system calls that every process in a box runs under: a classic BPF program for bwrap's --seccomp.

What is left out are doors into the kernel that no build and no test needs: namespaces and mounts, keys, BPF, io_uring,
other processes' memory, kernel modules, raw and exotic sockets, typing into a terminal. Everything else passes.
Values are those of linux/seccomp.h, linux/filter.h and the syscall tables of the two processors.
"""

import errno
import platform
import struct
from collections.abc import Mapping
from functools import cache

from paddock.sandbox.errors import NotContained

# struct seccomp_data: the number, the processor, and six arguments of 64 bits, low half first.
_NUMBER, _PROCESSOR, _ARGUMENTS = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_X32 = 0x40000000

_AUDIT: Mapping[str, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Name → number on x86_64, on aarch64; -1 where it does not exist.
_NUMBERS: Mapping[str, tuple[int, int]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "clone3": (435, 435),
    "create_module": (174, -1),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, -1),
    "iopl": (172, -1),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "migrate_pages": (256, 238),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
# Programs that find these missing do the same by older means; an error of rights would stop them.
_MISSING = frozenset({"clone3", "io_uring_enter", "io_uring_register", "io_uring_setup"})
_SOCKET, _SOCKETPAIR, _CLONE, _IOCTL = (41, 198), (53, 199), (56, 220), (16, 29)
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW*, without NEWTIME, which clone cannot ask for
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C


@cache
def program(machine: str = "") -> bytes:
    """The filter for this processor, as an array of struct sock_filter.

    Raises: NotContained for a processor that there are no numbers for.
    """
    name = machine or platform.machine()
    if name not in _AUDIT:
        raise NotContained(f"there is no filter of system calls for {name}", hint="use a host of x86_64 or aarch64")
    at = list(_AUDIT).index(name)
    code = [*_processor(name), *_denied(at), *_arguments(at), _step(_RETURN, _ALLOW)]
    return b"".join(code)


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _fails(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)


def _processor(name: str) -> list[bytes]:
    """Anything that is not this processor's own way of calling ends the process."""
    out = [_step(_LOAD, _PROCESSOR), _step(_EQUAL, _AUDIT[name], 1, 0), _step(_RETURN, _KILL), _step(_LOAD, _NUMBER)]
    if name == "x86_64":
        out += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _KILL)]
    return out


def _denied(at: int) -> list[bytes]:
    out = []
    for name, numbers in _NUMBERS.items():
        if numbers[at] >= 0:
            code = errno.ENOSYS if name in _MISSING else errno.EPERM
            out += [_step(_EQUAL, numbers[at], 0, 1), _fails(code)]
    return out


def _arguments(at: int) -> list[bytes]:
    """Calls that are judged by an argument; each block leaves the number loaded for the next one."""
    reload = _step(_LOAD, _NUMBER)
    family = [_step(_LOAD, _ARGUMENTS)]
    for left, allowed in zip(range(len(_FAMILIES), 0, -1), _FAMILIES, strict=True):
        family.append(_step(_EQUAL, allowed, left, 0))
    family += [_fails(errno.EAFNOSUPPORT), reload]
    flags = [_step(_LOAD, _ARGUMENTS), _step(_ANY_BIT, _NEW_NAMESPACES, 0, 1), _fails(errno.EPERM), reload]
    typing = [
        _step(_LOAD, _ARGUMENTS + 8),
        _step(_EQUAL, _TIOCSTI, 1, 0),
        _step(_EQUAL, _TIOCLINUX, 0, 1),
        _fails(errno.EPERM),
        reload,
    ]
    out: list[bytes] = []
    for numbers, block in ((_SOCKET, family), (_SOCKETPAIR, family), (_CLONE, flags), (_IOCTL, typing)):
        out += [_step(_EQUAL, numbers[at], 0, len(block)), *block]
    return out
