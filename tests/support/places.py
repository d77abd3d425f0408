"""Places for tests: folders that other users can reach, ports that nobody holds."""

import contextlib
import os
import random
import shutil
import socket
import tempfile
from pathlib import Path


def make_traversable() -> Path:
    """A new folder that any uid can pass through but not list, as its parents can be."""
    # The temporary folder that TMPDIR names may be closed to others.
    path = Path(tempfile.mkdtemp(prefix="paddock-test-", dir="/tmp"))
    path.chmod(0o711)
    return path


def remove_tree(path: Path) -> None:
    """Removes a folder and what it holds, folders closed by their mode included.

    What belongs to another user is root's to remove.

    Raises: OSError naming what could not be removed.
    """
    for folder, names, _ in os.walk(path):
        for inner in (Path(folder, name) for name in names):
            if not inner.is_symlink() and os.geteuid() in (0, inner.stat().st_uid):
                inner.chmod(0o700)
    shutil.rmtree(path)


def free_port() -> int:
    """A TCP port on the loopback address that nobody listens at right now.

    It is below those that the kernel gives to connections: one of these could be taken by whoever connects next.
    """
    while True:
        port = random.SystemRandom().randrange(12_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
