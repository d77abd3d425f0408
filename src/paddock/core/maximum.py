"""The maximum scope: what a control plane's signer signs at most, whatever it is asked for.

A host's policy cuts a scope down; a signature cannot, for it holds for every byte. So a job stands inside the maximum
as a whole, or it is not signed.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from paddock.core import kinds, scope, scope_hosts
from paddock.core.errors import BadInput
from paddock.core.policy_scope import Asked
from paddock.core.scope_hosts import parse_rule
from paddock.core.scope_sets import covers

MAX_BYTES = 256 << 10
# Kinds that publish nothing of what they write: to check, review or merge, a run gets the whole worktree.
_PUBLISH_NOTHING = ("noop", "test.run", "review.run", "change.merge")
Seconds = Annotated[int, Meta(ge=1, le=86_400)]


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What jobs may ask for; what is left out bounds nothing."""

    kinds: tuple[str, ...] = tuple(kinds.KINDS)
    # Addresses of repositories, `*` for any text.
    repositories: tuple[str, ...] = ("*",)
    # Patterns: every pattern that a job may write stands inside one of these.
    files: tuple[str, ...] = ("**",)
    # Rules that every argv of a job must fit: its own, its checks', its review's; None: any argv.
    commands: tuple[tuple[str, ...], ...] | None = None
    # Rules for hosts that a job may reach; None: any host.
    hosts: tuple[str, ...] | None = None
    # Names of secrets that a job may be given, `*` for any text.
    secrets: tuple[str, ...] = ("*",)
    wall_seconds: Seconds = 86_400
    # Whether a job may say that it runs without a box where no host can contain it.
    degraded: bool = True


class Maximum(Bounds, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The bounds of all jobs, and further ones of single projects. As it stands, it bounds nothing but time."""

    version: Annotated[int, Meta(ge=1, le=1)] = 1
    # Names of projects, `*` for any text.
    projects: tuple[str, ...] = ("*",)
    # Seconds from the signature to the latest start of a job.
    start_seconds: Seconds = 86_400
    project: dict[str, Bounds] = {}


def parse(raw: bytes, where: str) -> Maximum:
    """A maximum from the bytes of its file; `where` names the file.

    Raises: BadInput naming the key.
    """
    if len(raw) > MAX_BYTES:
        raise BadInput(f"{where}: a maximum takes at most {MAX_BYTES >> 10} KiB")
    try:
        maximum = msgspec.convert(tomllib.loads(raw.decode()), Maximum)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BadInput(f"{where}: {error}") from None
    _check(maximum, where)
    for name, bounds in maximum.project.items():
        _check(bounds, f"{where}: project.{name}")
    return maximum


def _check(bounds: Bounds, where: str) -> None:
    for name in bounds.kinds:
        if name not in kinds.KINDS:
            raise BadInput(f"{where}: kinds: unknown kind {name!r}", hint=f"kinds are: {', '.join(kinds.KINDS)}")
    for pattern in bounds.files:
        scope.check_pattern(pattern, f"{where}: files")
    for rule in bounds.commands or ():
        scope.check_rule(rule, f"{where}: commands")
    for text in bounds.hosts or ():
        scope_hosts.parse_rule(text, f"{where}: hosts")


def beyond(asked: Asked, project: str, maximum: Maximum) -> str:
    """Why a job of this project does not stand inside the maximum; nothing when it does."""
    if not any(_fits(project, pattern) for pattern in maximum.projects):
        return f"projects: {project} is none of them"
    own = maximum.project.get(project)
    for bounds in (maximum, own) if own is not None else (maximum,):
        for reason in _reasons(asked, bounds):
            return reason
    return ""


def _reasons(asked: Asked, bounds: Bounds) -> Iterator[str]:
    own = asked.scope
    yield from _names(asked, bounds)
    for pattern in own.files.write if asked.kind not in _PUBLISH_NOTHING else ():
        if not any(covers(wide, pattern) for wide in bounds.files):
            yield f"files: {pattern} reaches beyond {', '.join(bounds.files)[:200]}"
    if bounds.commands is not None:
        yield from _commands(asked, bounds.commands)
    if bounds.hosts is not None:
        yield from _hosts(own.hosts, bounds.hosts)
    if asked.wall_seconds > bounds.wall_seconds:
        yield f"wall_seconds: {asked.wall_seconds} is more than {bounds.wall_seconds}"
    if own.degraded and not bounds.degraded:
        yield "degraded: no job may run without a box"


def _names(asked: Asked, bounds: Bounds) -> Iterator[str]:
    if asked.kind not in bounds.kinds:
        yield f"kinds: {asked.kind} jobs are not signed"
    if asked.repo and not any(_fits(asked.repo, pattern) for pattern in bounds.repositories):
        yield f"repositories: {asked.repo} is none of them"
    for name in asked.scope.secrets:
        if not any(_fits(name, pattern) for pattern in bounds.secrets):
            yield f"secrets: {name} is none of them"


def _commands(asked: Asked, rules: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    for argv in (*((asked.payload["argv"],) if "argv" in asked.payload else ()), *asked.payload.get("checks", ())):
        if not scope.command_allowed(argv, rules):
            yield f"commands: {' '.join(map(str, argv))[:200]} fits none of the rules"


def _hosts(wanted: tuple[str, ...], rules: tuple[str, ...]) -> Iterator[str]:
    allowed = [parse_rule(text) for text in rules]
    for text in wanted:
        if not any(rule.covers(parse_rule(text)) for rule in allowed):
            yield f"hosts: {text} is beyond {', '.join(rules)[:200] or 'none'}"


def _fits(text: str, pattern: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
