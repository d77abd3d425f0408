"""How a control plane that people log in to opens its door: its address, its operator's token, its set-up link."""

import contextlib
import ipaddress
import json
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from paddock.control.door import HOST_TOKEN, Door, digest
from paddock.control.oidc import Provider
from paddock.core.errors import BadInput
from paddock.web.identity import is_loopback


def check_address(host: str, people: bool, public: str) -> None:
    """Raises: BadInput for an address that anybody could reach without a login, or with a password in plain text."""
    if not is_loopback(host) and not people:
        raise BadInput(
            f"{host} is not a loopback address, and nobody logs in",
            hint="turn logins on with --auth people, or bind to 127.0.0.1 and reach it through an SSH tunnel",
        )
    if not is_loopback(host) and not public:
        raise BadInput(
            f"{host} is not a loopback address: people need to know where to log in",
            hint="name the https address of the proxy in front with --public",
        )
    parts = urlsplit(public)
    plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if public and (
        not parts.hostname or parts.path.strip("/") or parts.query or not (parts.scheme == "https" or plain)
    ):
        raise BadInput(f"--public: {public[:80]!r} cannot be used", hint="such as https://paddock.example.org")


def networks(given: tuple[str, ...]) -> tuple[str, ...]:
    """Networks in their usual form. Raises: BadInput."""
    try:
        return tuple(str(ipaddress.ip_network(one, strict=False)) for one in given)
    except ValueError as error:
        raise BadInput(f"--proxies: {error}", hint="such as 10.0.0.7 or 10.0.0.0/28") from None


def open_door(
    home: Path, host: str, port: int, *, people: bool, public: str, proxies: tuple[str, ...], provider: Provider | None
) -> Door:
    """The door, with a fresh token for whoever can read the home; where nobody logs in there is none."""
    place = token_file(home, port)
    if not people:
        place.unlink(missing_ok=True)
        return Door()
    token = HOST_TOKEN + secrets.token_urlsafe(32)
    _write(place, json.dumps({"token": token}))
    here = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return Door(
        people=True,
        public=public.rstrip("/") or here,
        proxies=networks(proxies),
        host_token=digest(token),
        provider=provider,
    )


def token_file(home: Path, port: int) -> Path:
    """Where the token of this host's operator lies; the port is part of it, so that nobody else is shown it."""
    return home / f"operator-{port}.json"


def _write(place: Path, text: str) -> None:
    """Replaces a file that only its owner reads. Raises: BadInput."""
    beside = place.with_name(f"{place.name}.{os.getpid()}")
    try:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        beside.replace(place)
    except OSError as error:
        raise BadInput(f"{place} cannot be written: {error.strerror}") from None
