"""Ed25519 keys: one key, one role. A key of one role is refused for another."""

import base64
import hashlib
import hmac
import os
import stat
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.public import PrivateKey
from nacl.signing import SigningKey, VerifyKey

from paddock.core.errors import PaddockError


class BadKey(PaddockError):
    """The key file cannot be used."""

    code = "bad_key"
    exit_code = 2


_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def thumbprint(public: bytes) -> str:
    """The name of a public key: the first 22 characters of its SHA-256 in base64url."""
    return base64.urlsafe_b64encode(hashlib.sha256(public).digest())[:22].decode()


class Signer:
    """Holds a private key and signs with it."""

    def __init__(self, seed: bytes, role: str) -> None:
        self._key = SigningKey(seed)
        self.role = role
        self.public = bytes(self._key.verify_key)
        self.keyid = f"{role}-{thumbprint(self.public)}"

    @property
    def seed(self) -> bytes:
        """The private key: 32 bytes."""
        return bytes(self._key)

    def sign(self, message: bytes) -> bytes:
        """64 bytes of signature."""
        return self._key.sign(message).signature

    def derive(self, purpose: str) -> bytes:
        """32 secret bytes for another purpose; the key cannot be found from them."""
        return hmac.digest(bytes(self._key), purpose.encode(), hashlib.sha256)

    def exchange(self) -> PrivateKey:
        """The private half of the X25519 pair that belongs to this key: opens what was sealed to its public half."""
        return self._key.to_curve25519_private_key()

    def __repr__(self) -> str:
        return f"Signer({self.keyid})"


class Verifier:
    """Checks signatures of one public key."""

    def __init__(self, public: bytes, role: str) -> None:
        self._key = VerifyKey(public)
        self.role = role
        self.public = public
        self.keyid = f"{role}-{thumbprint(public)}"

    def holds(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's over the message."""
        try:
            self._key.verify(message, signature)
        except (BadSignatureError, ValueError):
            return False
        return True


def load_or_make(path: Path, role: str) -> Signer:
    """The signing key in the file (32 raw bytes, mode 0600); made when there is none.

    Raises: BadKey when the file is open to others, a link, or no key.
    """
    try:
        handle = os.open(path, _READING)
    except FileNotFoundError:
        _make(path)
        handle = os.open(path, _READING)
    except OSError as error:
        raise BadKey(f"{path}: {error.strerror}") from None
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise BadKey(f"{path} is no file")
        if mode & 0o077:
            raise BadKey(f"{path} can be read by others", hint=f"chmod 600 {path}")
        seed = os.read(handle, 33)
    finally:
        os.close(handle)
    if len(seed) != 32:
        raise BadKey(f"{path} is no key of 32 bytes")
    return Signer(seed, role)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(os.urandom(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)  # the first of two racing processes wins; the other reads its key
    except FileExistsError:
        pass
    finally:
        part.unlink()
