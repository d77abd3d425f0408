"""A signer for control planes that are opened in the test's own process: the real one, served by a thread of it."""

import os
import socket
import threading
from pathlib import Path

from paddock.signer.bounds import Limit
from paddock.signer.folder import Folder
from paddock.signer.office import Office
from paddock.signer.service import Service

_open: list[socket.socket] = []


def signer_of(home: Path, users: frozenset[int] = frozenset({os.getuid()})) -> str:
    """Where a signer listens whose keys are in `<home>/keys`; it ends with the process."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind("")
    listening.listen(16)
    _open.append(listening)
    service = Service(Office(Folder(home / "keys"), Limit(None)), users)
    threading.Thread(target=service.run, args=(listening,), daemon=True).start()
    name = listening.getsockname()
    return name.decode() if isinstance(name, bytes) else name
