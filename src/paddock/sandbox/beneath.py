"""Reading what a run left behind: plain files of a folder and nothing that they could lead to."""

import ctypes
import errno
import os
import stat
import struct
from pathlib import Path

from paddock.sandbox.errors import SandboxError

# linux/openat2.h; the number is the same on every processor.
_OPENAT2 = 437
_NO_XDEV, _NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x01, 0x02, 0x04, 0x08
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class NotPlain(SandboxError):
    """It is no plain file of the run's own."""

    code = "not_plain"


def read_beneath(folder: Path, name: str, most: int) -> bytes:
    """The bytes of a file below a folder that a job could write, at most `most` of them.

    Neither a link, nor a second name of another file, nor a pipe or device is read, however the path changes meanwhile.

    Raises: FileNotFoundError, NotPlain.
    """
    base = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = _open(base, name)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise FileNotFoundError(errno.ENOENT, "no such file", name) from None
        raise NotPlain(f"{name} cannot be read: {error.strerror}") from None
    finally:
        os.close(base)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise NotPlain(f"{name} is no plain file of the run's own")
        if status.st_size > most:
            raise NotPlain(f"{name} is larger than {most:,} bytes")
        with os.fdopen(os.dup(fd), "rb") as file:
            return file.read(most)
    finally:
        os.close(fd)


def _open(base: int, name: str) -> int:
    how = struct.pack("=QQQ", _FLAGS, 0, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS | _NO_XDEV)
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.syscall(_OPENAT2, base, os.fsencode(name), how, len(how))
    if fd >= 0:
        return fd
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EPERM) and "/" not in name:  # a kernel before 5.6, or a container that hides it
        return os.open(name, _FLAGS, dir_fd=base)
    raise OSError(number, os.strerror(number))
