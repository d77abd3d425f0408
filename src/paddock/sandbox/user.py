"""Who a job runs as, and what that user can reach."""

import os
import pwd
import stat
from functools import cache
from pathlib import Path

import msgspec

JOB_USER = "paddock"
JOB_UID = 60817  # above the ordinary ranges of adduser and systemd's dynamic users end below it


class User(msgspec.Struct, frozen=True):
    """A uid and gid of the host; never 0 for a job."""

    uid: int
    gid: int


@cache
def job_user() -> User:
    """The user jobs run as: our own when we are not root, else passwd's `paddock`, else a number nobody else has."""
    if os.geteuid() != 0:
        return User(os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(JOB_USER)
    except KeyError:
        return User(JOB_UID, JOB_UID)
    return User(entry.pw_uid, entry.pw_gid)


def _may_search(path: Path, user: User) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    if status.st_uid == user.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def can_reach(path: Path, user: User) -> bool:
    """Whether `user` can walk to `path` by the plain mode bits of the directories above it."""
    resolved = path.resolve()
    return all(_may_search(parent, user) for parent in (*resolved.parents, *path.absolute().parents))
