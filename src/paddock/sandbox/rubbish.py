"""Deleting what a job or an overlay left, whatever its modes."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any


def delete_rubbish(path: Path) -> None:
    """Delete a directory in place, opening what its owner closed; what is gone already is no error."""
    if os.geteuid() != 0:  # root enters everything
        _open_directories(path)
    shutil.rmtree(path, onerror=_unless_gone)


def _open_directories(path: Path) -> None:
    pending = [path]
    while pending:
        folder = pending.pop()
        try:
            if folder.stat().st_mode & stat.S_IRWXU != stat.S_IRWXU:
                folder.chmod(0o700)
            with os.scandir(folder) as entries:
                pending += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            continue  # another sweep was faster


def _unless_gone(_: Callable[..., Any], __: str, failure: tuple[type, BaseException, Any]) -> None:
    if not isinstance(failure[1], FileNotFoundError):
        raise failure[1]
