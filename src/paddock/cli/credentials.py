"""What the command line shows a control plane: an API token, one's session, or this host's operator token."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from paddock.core.errors import BadInput

if TYPE_CHECKING:
    from paddock.cli.api import Api

_NEAR = ("127.0.0.1", "localhost", "::1")
# The port of an address that names none.
_PORTS = {"http": 80, "https": 443}


class Credentials:
    """Read anew for every request: sessions begin and end, and a control plane that starts makes a new token."""

    def __init__(self, server: str, home: Path, token: str = "") -> None:
        parts = urlsplit(server if "//" in server else f"//{server}", scheme="http")
        self._host, self._scheme = parts.hostname or "", parts.scheme
        try:
            self._port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            self._port = 0
        self._home = home
        self._token = token
        name = hashlib.sha256(f"{parts.scheme}://{parts.netloc}".encode()).hexdigest()[:16]
        self._session = home / "logins" / f"{name}.json"

    def bearer(self) -> str:
        """The secret to send; empty when there is none.

        Raises: BadInput rather than to send one over a network in plain text.
        """
        found = self._token or self.session()
        if self._host in _NEAR:
            # Only whoever may read the home may read it, and only who listens at this port has made it.
            return found or _read(self._home / f"operator-{self._port}.json", "token")
        if found:
            self.check()
        return found

    def check(self) -> None:
        """Raises: BadInput where a secret would be sent over a network in plain text."""
        if self._host not in _NEAR and self._scheme != "https":
            raise BadInput(f"no secret is sent to {self._host} in plain text", hint="name the server by https://")

    def session(self) -> str:
        """The session of `paddock login`; empty when there is none."""
        return _read(self._session, "session")

    def keep(self, session: str) -> None:
        """Keeps a session in a file that only its owner reads. Raises: BadInput."""
        try:
            self._session.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside = self._session.with_suffix(f".{os.getpid()}")
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(json.dumps({"session": session}))
            beside.replace(self._session)
        except OSError as error:
            raise BadInput(f"{self._session} cannot be written: {error.strerror}") from None

    def forget(self) -> bool:
        """Forgets the session; False when there was none."""
        found = self._session.exists()
        self._session.unlink(missing_ok=True)
        return found

    def prove(self, api: "Api") -> bool:
        """Asks for the password again where somebody can type it. Raises: PaddockError as the control plane says it."""
        if self._token or not self.session() or not sys.stdin.isatty():
            return False
        self.keep(api.post("/v1/proof", {"password": ask("Password again: ")})["session"])
        return True


def ask(prompt: str) -> str:
    """A password: typed unseen, or the first line of standard input where that is no terminal."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(1_024).rstrip("\n")
    import getpass

    return getpass.getpass(prompt)


def _read(place: Path, name: str) -> str:
    try:
        found = json.loads(place.read_bytes())[name]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) else ""
