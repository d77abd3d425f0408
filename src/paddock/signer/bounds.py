"""The file of the maximum scope: believed only when nobody but its owner can write it, read anew when it changes."""

import os
import stat
from pathlib import Path

from paddock.core.errors import PaddockError
from paddock.core.maximum import MAX_BYTES, Maximum, parse

ROOT = 0


class MaximumUnsafe(PaddockError):
    """The maximum scope cannot be trusted."""

    code = "maximum_unsafe"
    exit_code = 2


class Limit:
    """The maximum in force. Without a file it bounds nothing but time."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._known: tuple[int, ...] | None = None
        self._maximum = Maximum()

    @property
    def shown(self) -> tuple[str, str]:
        """The file in force, empty where there is none, and why it cannot be believed, if it cannot."""
        try:
            if not self._look():
                return "", ""
            self.current()
        except PaddockError as error:
            return str(self.path), error.message
        return str(self.path), ""

    def current(self) -> Maximum:
        """The maximum as it stands now; the same object until it changes.

        Raises: MaximumUnsafe, BadInput; then no job is signed.
        """
        seen = self._look()
        if seen == self._known:
            return self._maximum
        self._known = None
        self._maximum = _read(self.path) if self.path is not None and seen else Maximum()
        self._known = seen
        return self._maximum

    def _look(self) -> tuple[int, ...]:
        if self.path is None:
            return ()
        try:
            status = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise MaximumUnsafe(f"the maximum {self.path} cannot be read: {error.strerror}") from None
        return (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_uid, status.st_mode)


def _read(path: Path) -> Maximum:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise MaximumUnsafe(f"the maximum {path} cannot be read: {error.strerror}") from None
    try:
        _check(os.fstat(handle), path)
        for folder in path.resolve().parents:
            status = folder.stat()
            if _loose(status) and not status.st_mode & stat.S_ISVTX:
                raise MaximumUnsafe(
                    f"the folder {folder} of the maximum can be written by others than its owner",
                    hint=f"chmod go-w {folder}",
                )
        return parse(os.read(handle, MAX_BYTES + 1), str(path))
    finally:
        os.close(handle)


def _check(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise MaximumUnsafe(f"the maximum {path} is no file")
    if _loose(status):
        raise MaximumUnsafe(
            f"the maximum {path} can be written by others than its owner",
            hint=f"chown root:root {path}; chmod 644 {path}",
        )


def _loose(status: os.stat_result) -> bool:
    foreign = status.st_uid not in (ROOT, os.geteuid())
    return foreign or bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
