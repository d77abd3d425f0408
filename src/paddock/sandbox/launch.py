"""A command ready to be spawned: vector, empty or rebuilt environment, user, and the descriptors it reads."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from paddock.sandbox.user import User


def sealed(name: str, content: bytes) -> int:
    """A descriptor on an anonymous file with `content`; nothing of it touches a disk."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    os.write(fd, content)
    return fd


class Launch:
    """Spawn it with `subprocess.Popen(launch.argv, **launch.options())` or asyncio's twin, inside `with launch:`.

    The job's environment travels in a descriptor, not in `argv`, which every user of the host can read.
    The spawning thread must outlive the process: a box dies with the thread that started it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: dict[str, str],
        cwd: Path,
        fds: Sequence[int] = (),
        links: Sequence[int] = (),
        report: tuple[int, int] | None = None,
        user: User | None = None,
        stdin: int | None = None,
        contained: bool,
    ) -> None:
        self.argv = tuple(argv)
        self.env = env
        self.cwd = cwd
        self.fds = (*fds, *([] if stdin is None else [stdin]))
        self._stdin = subprocess.DEVNULL if stdin is None else stdin
        # Descriptors that are passed on but not read from their beginning, and whose owner closes them.
        self.links = tuple(links)
        # A pipe, its reading end first, through which the box says how far it came.
        self._report = report
        self.user = user
        self.contained = contained

    def options(self) -> dict[str, Any]:
        """Keyword arguments for Popen and asyncio.create_subprocess_exec; stdout and stderr are the caller's."""
        for fd in self.fds:
            os.lseek(fd, 0, os.SEEK_SET)
        options: dict[str, Any] = {
            "env": self.env,
            "cwd": str(self.cwd),
            "stdin": self._stdin,
            "start_new_session": True,
            "pass_fds": (*self.fds, *self.links, *(self._report[1:] if self._report else ())),
        }
        if self.user is not None:
            options |= {"user": self.user.uid, "group": self.user.gid, "extra_groups": ()}
        return options

    def reports(self) -> int:
        """The reading end of the box's report, from now on the caller's; -1 where there is none."""
        if self._report is None:
            return -1
        (reading, writing), self._report = self._report, None
        self.fds = (*self.fds, writing)
        return reading

    def close(self) -> None:
        """Give the descriptors back; the spawned process has its own."""
        fds, self.fds = (*self.fds, *(self._report or ())), ()
        self._report = None
        for fd in fds:
            os.close(fd)

    def __enter__(self) -> "Launch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
