"""The folder of keys: the private key of each role, the ring of all public ones, and what is derived from them.

`ring.json` decides: a private key that it does not name as its role's newest is of no use and is removed, so that a
process that dies while keys change leaves the old or the new ones and nothing between.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from paddock.core.errors import why
from paddock.wire import rotation
from paddock.wire.envelope import EnvelopeError
from paddock.wire.keys import BadKey, Signer, load_or_make
from paddock.wire.signer import DERIVED, ROLES, Ring

RING, SECRETS = "ring.json", "derived.json"


class NoKeys(BadKey):
    """There are no keys here."""

    code = "no_keys"


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the folder holds, as it was read. `ends`: when former keys of a role end, in epoch milliseconds."""

    ring: Ring
    signers: dict[str, Signer]
    derived: dict[str, bytes]
    ends: dict[str, int]


class _File(msgspec.Struct, kw_only=True):
    """`ring.json`, with what only the signer needs of it."""

    ring: Ring
    ends: dict[str, int] = {}


class Folder:
    """One folder of keys. Only its owner may read the private ones, everybody may read the ring."""

    def __init__(self, path: Path, shown: Path | None = None) -> None:
        self._path = path
        # What people know it as, where `path` is but a way to it.
        self._shown = shown or path

    def load(self, *, make: bool = False) -> Held:
        """Reads the keys; `make` makes them where there are none. Raises: NoKeys, BadKey."""
        try:
            self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._alone():
                return self._load(make)
        except BadKey as error:
            raise type(error)(error.message.replace(str(self._path), str(self._shown)), hint=error.hint) from None
        except (OSError, msgspec.MsgspecError, EnvelopeError, ValueError) as error:
            raise BadKey(f"the keys in {self._shown} cannot be used: {why(error)}") from None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps other signers on this folder away meanwhile."""
        handle = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def seen(self) -> tuple[int, ...]:
        """By which one sees that another signer on this folder has changed the ring."""
        try:
            status = (self._path / RING).stat()
        except OSError:
            return ()
        return (status.st_ino, status.st_mtime_ns, status.st_size)

    def _load(self, make: bool = False) -> Held:
        raw = self._read(RING)
        if raw is None:
            if not make and not all((self._path / f"{role}.key").exists() for role in ROLES):
                raise NoKeys(f"there are no keys in {self._path}")
            signers = {role: load_or_make(self._path / f"{role}.key", role) for role in ROLES}
            file = _File(ring=Ring(keys=tuple(rotation.public(signers[role]) for role in ROLES)))
            derived = {name: signers["directive"].derive(name) for name in DERIVED}
            self._write(SECRETS, msgspec.json.encode(derived), 0o600)
            self._write_ring(file)
        else:
            file = msgspec.json.decode(raw, type=_File)
            signers = {role: self._newest(file.ring, role) for role in ROLES}
            derived = msgspec.json.decode(self._read(SECRETS) or b"{}", type=dict[str, bytes])
        if set(derived) != set(DERIVED):
            raise BadKey(f"{self._path / SECRETS} is missing or incomplete", hint="copy the folder whole")
        self._tidy(signers)
        return Held(ring=file.ring, signers=signers, derived=derived, ends=file.ends)

    def _newest(self, ring: Ring, role: str) -> Signer:
        key = rotation.newest(ring.keys, role)
        path = self._place(key.keyid, key.number)
        if not path.exists():
            raise BadKey(f"{path} is missing", hint="copy the folder whole")
        signer = load_or_make(path, role)
        if signer.keyid != key.keyid:
            raise BadKey(f"{path} is not the key that {RING} names", hint="copy the folder whole")
        return signer

    def _place(self, keyid: str, number: int) -> Path:
        return self._path / (f"{keyid.split('-', 1)[0]}.key" if number == 1 else f"{keyid}.key")

    def rotate(self, roles: Sequence[str], now: int, ends: int) -> Held:
        """A fresh key for each of these roles; the former one signs no more, and is taken until `ends`.

        Raises: BadKey, OSError; then the former keys stand.
        """
        with self._alone():
            return self._rotate(self._load(), roles, now, ends)

    def _rotate(self, held: Held, roles: Sequence[str], now: int, ends: int) -> Held:
        ring, signers, until = held.ring, dict(held.signers), dict(held.ends)
        for role in roles:
            fresh = Signer(os.urandom(32), role)
            keys, statement = rotation.announce(ring.keys, fresh, signers[role], len(ring.chain) + 1, now)
            ring = Ring(keys=keys, chain=(*ring.chain, statement))
            self._write(f"{fresh.keyid}.key", fresh.seed, 0o600)
            signers[role], until[role] = fresh, ends
        self._write_ring(_File(ring=ring, ends=until))
        self._tidy(signers)
        return Held(ring=ring, signers=signers, derived=held.derived, ends=until)

    def end(self, roles: Sequence[str], now: int) -> Held:
        """Ends the former keys of these roles, where there are any. Raises: BadKey, OSError; then they stand."""
        with self._alone():
            return self._end(self._load(), roles, now)

    def _end(self, held: Held, roles: Sequence[str], now: int) -> Held:
        ring = held.ring
        for role in roles:
            if sum(key.role == role and not key.ended for key in ring.keys) < 2:
                continue
            keys, statement = rotation.end(ring.keys, held.signers[role], len(ring.chain) + 1, now)
            ring = Ring(keys=keys, chain=(*ring.chain, statement))
        until = {role: at for role, at in held.ends.items() if role not in roles}
        self._write_ring(_File(ring=ring, ends=until))
        return Held(ring=ring, signers=held.signers, derived=held.derived, ends=until)

    def _tidy(self, signers: dict[str, Signer]) -> None:
        """Removes private keys that sign no more."""
        wanted = {signer.keyid for signer in signers.values()}
        for path in self._path.glob("*.key"):
            with contextlib.suppress(OSError, BadKey):
                role = path.name.removesuffix(".key").split("-", 1)[0]
                if role in ROLES and load_or_make(path, role).keyid not in wanted:
                    path.unlink()

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None

    def _write_ring(self, file: _File) -> None:
        self._write(RING, msgspec.json.encode(file), 0o644)

    def _write(self, name: str, content: bytes, mode: int) -> None:
        """Replaces a file; once this returns, it outlives a power cut."""
        part = self._path / f".{name}.{os.getpid()}.part"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            os.fchmod(out.fileno(), mode)
            out.flush()
            os.fsync(out.fileno())
        part.rename(self._path / name)
        folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_ring(path: Path) -> Ring | None:
    """The public keys of a folder; None where it has no ring yet. Raises: BadKey."""
    try:
        return msgspec.json.decode((path / RING).read_bytes(), type=_File).ring
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise BadKey(f"{path / RING} cannot be read: {error}") from None
