"""A host's policy: the upper bound its owner sets on every job, whatever the control plane signs."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Annotated

import msgspec
from msgspec import Meta

from paddock.core import coding_agents, kinds, scope, scope_hosts, secrets
from paddock.core.coding_agents import Setup
from paddock.core.errors import BadInput
from paddock.core.secrets import Secret

MAX_BYTES = 256 << 10
# Folders of the root that a box has of its own.
_OF_THE_BOX = frozenset({"proc", "dev", "sys", "tmp", "usr", "workspace", "paddock"})
# Folders of which a box has its own, and that may be lent in part.
_IN_PART = frozenset({"/etc", "/var", "/run", "/bin", "/sbin", "/lib", "/lib64"})
# 32 bytes in base64.
_KEY = re.compile(r"[A-Za-z0-9+/]{43}=\Z")
_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)\Z")

Positive = Annotated[int, Meta(ge=1, le=1 << 40)]
Strict = {"frozen": True, "forbid_unknown_fields": True, "omit_defaults": True, "kw_only": True}


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Patterns: what a job may write at most, what it never may, and which built-in denials do not hold here."""

    write: tuple[str, ...] = ("**",)
    deny: tuple[str, ...] = ()
    lift: tuple[str, ...] = ()
    # Places of the host that every run sees at their own path and cannot write.
    read: tuple[str, ...] = ()


class Hosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rules a job's hosts must stand inside, and address ranges of the owner's own that their names may lead to."""

    allow: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one run may take at most. `memory_mib` 0: three quarters of the host's memory."""

    wall_seconds: Positive = 86_400
    processes: Positive = 4_096
    memory_mib: Annotated[int, Meta(ge=0, le=1 << 40)] = 0
    file_mib: Positive = 8_192
    disk_mib: Positive = 65_536
    egress_mib: Positive = 10_240


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What jobs may do on one host at most. As it stands it is the policy of a host whose owner wrote none."""

    version: Annotated[int, Meta(ge=1, le=1)] = 1
    # Addresses of repositories, `*` for any text; nothing else is worked on.
    repositories: tuple[str, ...] = ("*",)
    kinds: tuple[str, ...] = tuple(kinds.KINDS)
    files: Files = Files()
    # Rules that a job's argv must fit; None: any argv.
    commands: tuple[tuple[str, ...], ...] | None = None
    hosts: Hosts = Hosts()
    # What jobs may name in `scope.secrets`, by name.
    secrets: Mapping[str, Secret] = {}
    # Coding agents that jobs may use here, by name.
    agents: Mapping[str, Setup] = {}
    limits: Bounds = Bounds()
    # Times of day in UTC during which no job starts, such as 22:00-06:00.
    quiet_hours: tuple[str, ...] = ()
    # Whether a job that asks for it may run here without a box.
    allow_degraded: bool = False
    # Whether a job may have private data, untrusted input and open egress at once without a person's approval.
    allow_trifecta: bool = False
    # Public keys of customers, in base64: jobs are taken only that one of them has signed. None: no job needs that.
    customer_keys: tuple[str, ...] = ()
    # Whether such a job runs without its open egress, instead of being refused.
    narrow_trifecta: bool = False


def parse(raw: bytes, where: str) -> Policy:
    """A policy from the bytes of its file; `where` names the file.

    Raises: BadInput naming the key.
    """
    if len(raw) > MAX_BYTES:
        raise BadInput(f"{where}: a policy takes at most {MAX_BYTES >> 10} KiB")
    try:
        policy = msgspec.convert(tomllib.loads(raw.decode()), Policy)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{where}: {error}") from None
    except msgspec.ValidationError as error:
        raise BadInput(f"{where}: {error}", hint="docs/how-to/policy.md lists the keys") from None
    _check(policy, where)
    return policy


def _check(policy: Policy, where: str) -> None:
    for name in policy.kinds:
        if name not in kinds.KINDS:
            raise BadInput(f"{where}: kinds: unknown kind {name!r}", hint=f"kinds are: {', '.join(kinds.KINDS)}")
    for key in ("write", "deny", "lift"):
        for pattern in getattr(policy.files, key):
            scope.check_pattern(pattern, f"{where}: files.{key}")
    for pattern in policy.files.lift:
        if pattern not in scope.ALWAYS_DENIED or pattern in scope.NEVER_LIFTED:
            raise BadInput(
                f"{where}: files.lift: {pattern!r} is no built-in denial that can be lifted",
                hint="these can: " + ", ".join(p for p in scope.ALWAYS_DENIED if p not in scope.NEVER_LIFTED),
            )
    for rule in policy.commands or ():
        scope.check_rule(rule, f"{where}: commands")
    for text in policy.hosts.allow:
        scope_hosts.parse_rule(text, f"{where}: hosts.allow")
    for text in policy.hosts.private:
        scope_hosts.parse_network(text, f"{where}: hosts.private")
    secrets.check(policy.secrets, f"{where}: secrets")
    coding_agents.check(policy.agents, policy.secrets, f"{where}: agents")
    _check_read(policy.files.read, [secret.file for secret in policy.secrets.values()], f"{where}: files.read")
    _check_forms(policy, where)


def _check_forms(policy: Policy, where: str) -> None:
    for key in policy.customer_keys:
        if not _KEY.match(key):
            raise BadInput(
                f"{where}: customer_keys: {key[:60]!r} is no key", hint="`paddock sign --make-key` shows one"
            )
    for span in policy.quiet_hours:
        if not _QUIET.match(span):
            raise BadInput(f"{where}: quiet_hours: {span!r} is no span", hint="such as 22:00-06:00, in UTC")


def _check_read(paths: Iterable[str], hidden: Iterable[str], where: str) -> None:
    """Raises: BadInput for a place that a box makes itself, or that holds a secret."""
    for text in paths:
        path = PurePosixPath(text)
        plain = path.is_absolute() and ".." not in path.parts and len(path.parts) > 1
        if not plain or path.parts[1] in _OF_THE_BOX or str(path) in _IN_PART:
            raise BadInput(f"{where}: {text!r} is no place that can be lent", hint="such as /opt/toolchain")
        if any(PurePosixPath(file).is_relative_to(path) for file in hidden if file):
            raise BadInput(f"{where}: {text!r} holds the file of a secret")


def quiet(policy: Policy, now_ms: int) -> str:
    """The span of quiet hours that an epoch millisecond falls into, or nothing."""
    minute = now_ms // 60_000 % (24 * 60)
    for span in policy.quiet_hours:
        hours = [int(part) for part in re.split("[:-]", span)]
        begin, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        inside = begin <= minute < end if begin <= end else minute >= begin or minute < end
        if inside or begin == end:
            return span
    return ""
