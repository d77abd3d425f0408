"""Whether the state directory and the installed program are as they were written; what is not is told."""

import base64
import csv
import hashlib
import hmac
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

import paddock
from paddock.agent.identity import Identity, save
from paddock.wire.keys import Signer

# Files that only their owner may read, as they are written.
_PRIVATE = ("agent.json", "agent.key", "licence.jwt", "standing.json", "rolling.json", "witness.json")


def of_state(state: Path, identity: Identity, key: Signer) -> str:
    """What is wrong with the state directory; empty when nothing is.

    An `agent.json` of a release that sealed none is sealed now. Raises: OSError.
    """
    for name in _PRIVATE:
        wrong = _of_file(state / name)
        if wrong:
            return f"{name} {wrong}"
    sealed = seal(identity, key)
    if not identity.seal:
        save(state / "agent.json", msgspec.json.encode(sealed))
        return ""
    return "" if hmac.compare_digest(identity.seal.encode(), sealed.seal.encode()) else "agent.json was changed"


def seal(identity: Identity, key: Signer) -> Identity:
    """The identity with the proof that this agent has written it."""
    body = msgspec.json.encode(msgspec.structs.replace(identity, seal=""))
    return msgspec.structs.replace(identity, seal=hmac.digest(key.derive("seal"), body, hashlib.sha256).hex())


def _of_file(path: Path) -> str:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return ""
    if not stat.S_ISREG(found.st_mode):
        return "is no plain file"
    if found.st_uid != os.geteuid():
        return "belongs to another user"
    return "can be used by others" if found.st_mode & 0o077 else ""


def of_bundle(package: Path | None = None) -> str:
    """The first file of the installed program that is not as it was installed; empty when all are.

    A checkout has no record of what it should be, and is not looked at.
    """
    package = package or Path(paddock.__file__).parent
    records = sorted(package.parent.glob("paddock-*.dist-info/RECORD"))
    if not records:
        return ""
    try:
        return next(_changed(package, records[-1]), "")
    except (OSError, ValueError, csv.Error) as error:
        return f"RECORD: {error}"


def _changed(package: Path, record: Path) -> Iterator[str]:
    with record.open(newline="") as file:
        for name, told, _size in csv.reader(file):
            path = package.parent / name
            if not told or package not in path.parents:
                continue
            kind, _, wanted = told.partition("=")
            found = hashlib.new(kind, path.read_bytes()).digest() if path.is_file() else b""
            if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != wanted:
                yield name
