"""Secrets by name: what a host's policy says of each, and how one reaches a run.

A secret either never enters the box (the proxy adds it to requests that the run sends through it), or is laid into the
box as a file or a variable. Its value lies in a file of the host, or comes sealed from the control plane.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated
from urllib.parse import unquote

import msgspec
from msgspec import Meta

from paddock.core.errors import BadInput
from paddock.core.redaction import SHORTEST
from paddock.core.scope_env import steers
from paddock.core.scope_hosts import parse_rule

MAX_NAMES = 16
MAX_BYTES = 4 << 10
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_BASE = re.compile(r"(/[A-Za-z0-9._~-]+)*\Z")
# Header fields that say where a request goes and where it ends.
_FRAMING_WORDS = "host connection content-length transfer-encoding te trailer upgrade expect"
NOT_ADDED = frozenset(_FRAMING_WORDS.split())
HINT = "docs/how-to/secrets.md shows both kinds"


class Secret(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a policy says of one secret: where its value is, and what runs get of it."""

    # The host's file that holds it; empty: the control plane delivers it with the order.
    file: str = ""
    # Where the proxy adds it, as `name:port`; empty: it is laid into the box.
    host: str = ""
    header: str = "authorization"
    form: str = "{}"
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    tls: bool = True
    # Certificates that the host is held against instead of the system's.
    ca: str = ""
    # The variable that holds the address to use instead of the host's own, and what stands behind it in that address.
    variable: str = ""
    base: str = ""
    # A variable that only has to hold something: programs that ask for a key before they send one.
    placeholder: str = ""
    # Laid into the box: a file below /paddock/secrets, or a variable's value.
    into: Annotated[str, Meta(pattern="^(file|variable)$")] = "file"
    # Repositories whose jobs may name it, `*` for any text.
    repositories: tuple[str, ...] = ("*",)

    @property
    def injected(self) -> bool:
        """Whether it stays out of the box."""
        return bool(self.host)

    def takes(self, method: str, path: str) -> bool:
        """Whether a request may carry it; `path` has no query."""
        return (not self.methods or method in self.methods) and (
            not self.paths or (plain_path(path) and any(_fits(path, pattern) for pattern in self.paths))
        )


def _fits(path: str, pattern: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), path, re.DOTALL) is not None


def plain_path(path: str) -> bool:
    """Whether every server reads a path alike: no steps up, nothing doubled, no slash in disguise."""
    if "%2f" in path.lower() or "%5c" in path.lower() or "%00" in path or not path.startswith("/"):
        return False
    parts = unquote(path, errors="replace").split("/")[1:]
    return not any(part in (".", "..") or ";" in part for part in parts) and "" not in parts[:-1]


def check_names(names: Iterable[str], where: str) -> None:
    """Raises: BadInput for a name that is none, or too many."""
    given = tuple(names)
    if len(given) > MAX_NAMES or len(set(given)) < len(given):
        raise BadInput(f"{where}: at most {MAX_NAMES} names, each once")
    for name in given:
        if not NAME.match(name):
            raise BadInput(f"{where}: {name[:80]!r} is no name of a secret", hint="letters, digits, . _ -")


def check(secrets: Mapping[str, Secret], where: str) -> None:
    """Raises: BadInput naming the key of a policy that could not be held."""
    check_names(secrets, where)
    variables: set[str] = set()
    for name, secret in secrets.items():
        here = f"{where}.{name}"
        _check_injected(secret, here) if secret.injected else _check_laid(secret, here)
        if secret.file and not secret.file.startswith("/"):
            raise BadInput(f"{here}.file: {secret.file!r} is no absolute path")
        for variable in filter(None, (secret.variable, secret.placeholder)):
            if not _VARIABLE.match(variable) or steers(variable, rules=True):
                raise BadInput(f"{here}: {variable!r} is no variable that a run may be given")
            if variable in variables:
                raise BadInput(f"{here}: {variable} belongs to another secret already")
            variables.add(variable)


def _check_injected(secret: Secret, here: str) -> None:
    rule = parse_rule(secret.host, f"{here}.host")
    if rule.above or len(rule.ports) != 1:
        raise BadInput(f"{here}.host: {secret.host!r} is more than one host", hint="such as api.example.org:443")
    if not _HEADER.match(secret.header) or secret.header.lower() in NOT_ADDED:
        raise BadInput(f"{here}.header: {secret.header!r} is no field that can be added")
    if secret.form.count("{}") != 1 or not (secret.form.isascii() and secret.form.isprintable()):
        raise BadInput(f"{here}.form: {secret.form!r} does not say where the secret stands", hint='such as "Bearer {}"')
    if not _BASE.match(secret.base):
        raise BadInput(f"{here}.base: {secret.base!r} is no path", hint="such as /v1")
    for pattern in secret.paths:
        if not pattern.startswith("/"):
            raise BadInput(f"{here}.paths: {pattern!r} does not begin with /")
    if secret.ca and not secret.ca.startswith("/"):
        raise BadInput(f"{here}.ca: {secret.ca!r} is no absolute path")


def _check_laid(secret: Secret, here: str) -> None:
    given = msgspec.to_builtins(secret)
    for key, value in msgspec.to_builtins(Secret()).items():
        if key in ("header", "form", "methods", "paths", "tls", "ca", "base", "placeholder") and given[key] != value:
            raise BadInput(f"{here}.{key}: only the proxy adds a secret to requests", hint="name its host")
    if secret.into == "variable" and not secret.variable:
        raise BadInput(f"{here}.variable: it names no variable")


def check_value(value: str, name: str) -> str:
    """A secret's value without the line's end that editors leave.

    Raises: BadInput for what could not be covered where it is printed, or not be sent.
    """
    text = value.rstrip("\r\n")
    if len(text) < SHORTEST:
        raise BadInput(f"the secret {name} is shorter than {SHORTEST} characters", hint="it would stand everywhere")
    if len(text.encode()) > MAX_BYTES or "\0" in text:
        raise BadInput(f"the secret {name} is larger than {MAX_BYTES >> 10} KiB, or holds a NUL")
    return text
