"""The host's policy file: read from the disk, believed only when nobody but root can write it, never loosened."""

import logging
import os
import stat
from collections.abc import Callable, Hashable
from pathlib import Path

from paddock.core.errors import PaddockError
from paddock.core.policy import MAX_BYTES, Policy, parse, quiet
from paddock.core.policy_scope import Asked, Denial, Effective, denials, effective
from paddock.wire.messages import JobOrder

ROOT = 0
_log = logging.getLogger("paddock.agent")


class PolicyUnsafe(PaddockError):
    """The policy file cannot be trusted."""

    code = "policy_unsafe"
    exit_code = 2


def load(path: Path | None, standard: Policy, owner: int = ROOT) -> Policy:
    """The policy in a file, or `standard` where there is no file.

    Raises: PolicyUnsafe when another than `owner` could have written it, BadInput for what it says.
    """
    if path is None:
        return standard
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return standard
    except OSError as error:
        raise PolicyUnsafe(f"the policy {path} cannot be read: {error.strerror}") from None
    try:
        _check_owner(os.fstat(fd), path, owner)
        _check_folders(path, owner)
        return parse(os.read(fd, MAX_BYTES + 1), str(path))
    finally:
        os.close(fd)


def _check_owner(status: os.stat_result, path: Path, owner: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PolicyUnsafe(f"the policy {path} is no file")
    if status.st_uid not in (ROOT, owner) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PolicyUnsafe(
            f"the policy {path} can be written by others than root", hint=f"chown root:root {path}; chmod 644 {path}"
        )


def _check_folders(path: Path, owner: int) -> None:
    """A folder that others may write (and that is not sticky) lets them put another file in the policy's place."""
    for folder in path.resolve().parents:
        status = folder.stat()
        loose = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
        if status.st_uid not in (ROOT, owner) or loose:
            raise PolicyUnsafe(
                f"the policy's folder {folder} can be written by others than root",
                hint=f"chown root:root {folder}; chmod go-w {folder}",
            )


class LocalPolicy:
    """The policy of this host, read anew when its file changes. `standard` holds while there is no file."""

    def __init__(self, path: Path | None = None, standard: Policy | None = None, owner: int = ROOT) -> None:
        self.path = path
        self._standard = standard or Policy()
        self._owner = owner
        self._known: tuple[int, ...] | None = None
        self._policy = self._standard
        # Called when another policy holds than before.
        self.on_change: Callable[[], object] = lambda: None

    def current(self) -> Policy:
        """The policy as it stands now.

        Raises: PolicyUnsafe, BadInput. A policy that cannot be read lets nothing run; the last good one is not used.
        """
        seen = self._look()
        if seen != self._known:
            self._known = None
            self._policy = load(self.path, self._standard, self._owner)
            self._known = seen
            self.on_change()
        return self._policy

    def _look(self) -> tuple[int, ...]:
        try:
            status = os.stat(self.path) if self.path is not None else None  # noqa: PTH116 (None is no path)
        except OSError:
            return ()
        if status is None:
            return ()
        return (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_uid, status.st_mode)

    def opens(self, now_ms: int) -> bool:
        """Whether any job may start now: the policy can be read, and these are no quiet hours."""
        try:
            return not quiet(self.current(), now_ms)
        except PaddockError as error:
            _log.warning(error.message, extra={"action": "policy.unreadable"})
            return False

    def effective(self, order: JobOrder) -> Effective:
        """What a job may touch here."""
        return effective(asked(order), self.current())

    def judge(self, now_ms: int) -> "Judge":
        """What orders that come at this moment are held against."""
        try:
            return Judge(self.current(), now_ms)
        except PaddockError as error:
            return Judge(error, now_ms)


class Judge:
    """The policy at one moment, for many orders: those that ask for the same are looked at once."""

    def __init__(self, policy: Policy | PaddockError, now_ms: int) -> None:
        self._policy = policy
        self.now_ms = now_ms
        self._known: dict[Hashable, tuple[list[Denial], bool]] = {}

    def __call__(self, order: JobOrder) -> tuple[list[Denial], bool]:
        """Why a job does not run here, nothing when it may; and whether it may run without containment.

        Raises: PolicyUnsafe, BadInput when the policy cannot be read.
        """
        policy = self.policy()
        if "argv" in order.payload or "checks" in order.payload:
            return self._look(order, policy)
        like = (order.kind, order.base, order.scope, order.limits)
        found = self._known.get(like)
        if found is None:
            found = self._known[like] = self._look(order, policy)
        return found

    def policy(self) -> Policy:
        """The policy at that moment. Raises: PolicyUnsafe, BadInput when it cannot be read."""
        if isinstance(self._policy, PaddockError):
            raise self._policy
        return self._policy

    def _look(self, order: JobOrder, policy: Policy) -> tuple[list[Denial], bool]:
        wish = asked(order)
        return denials(wish, policy, self.now_ms), effective(wish, policy).degraded


def asked(order: JobOrder) -> Asked:
    """What of an order a policy looks at."""
    return Asked(
        kind=order.kind,
        repo=order.base.repo if order.base else "",
        scope=order.scope,
        payload=order.payload,
        wall_seconds=order.limits.wall_s,
    )
