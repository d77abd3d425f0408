"""The one table of job kinds: what each needs, what it may end in, who may submit it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from paddock.core.errors import BadInput

MAX_BRIEF = 96 << 10
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+@-]{0,127}\Z")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of job."""

    name: str
    about: str
    # Keys of the payload, each with the Python type a decoded JSON value must have.
    required: Mapping[str, type]
    optional: Mapping[str, type]
    # Whether the run gets a worktree of the project in a box.
    worktree: bool
    # Whether what the run wrote becomes a change.
    changes: bool
    # Whether its runs may use models: what they cost is unknown until they tell.
    spends: bool = False
    # Whether only the control plane submits it.
    system: bool = False
    # Seconds a run may take unless the job says otherwise.
    timeout: int = 600
    # Seconds without output after which a run counts as hung (0: no limit).
    silence: int = 300

    @cached_property
    def fields(self) -> Mapping[str, type]:
        """Every field that the payload may have."""
        return {**self.required, **self.optional}


_TABLE = (
    Kind(
        name="noop",
        about="Proves the way: signed, verified, persisted, acknowledged. Runs nothing.",
        required={},
        optional={"note": str},
        worktree=False,
        changes=False,
    ),
    Kind(
        name="command",
        about="Runs one argv in a boxed worktree; what it wrote becomes a change.",
        required={"argv": list},
        optional={"env": dict, "message": str},
        worktree=True,
        changes=True,
        spends=True,
    ),
    Kind(
        name="code.agent",
        about="Has a coding agent work on a brief in a boxed worktree; what it wrote becomes a change.",
        required={"agent": str, "brief": str},
        optional={"model": str, "env": dict, "message": str},
        worktree=True,
        changes=True,
        spends=True,
        timeout=3600,
        silence=900,
    ),
    Kind(
        name="test.run",
        about="Runs the project's checks on a commit and reads their JUnit XML.",
        required={"commit": str, "checks": list},
        optional={"accept": list, "base": str, "change": str, "branch": str},
        worktree=True,
        changes=False,
        system=True,
        timeout=1800,
        silence=900,
    ),
    Kind(
        name="change.merge",
        about="Merges a change onto the branch's tip, proves the merged result and moves the branch.",
        required={"change": str, "head": str, "branch": str, "checks": list, "message": str},
        # `with`: changes that are merged and tested together with it, the next ones of the queue.
        optional={"accept": list, "with": list},
        worktree=True,
        changes=False,
        system=True,
        timeout=1800,
        silence=900,
    ),
    Kind(
        name="review.run",
        about="Holds a change's head against reviewers that need no model, and tells findings.",
        required={"change": str, "commit": str, "base": str, "rules": dict},
        optional={"authors": list, "others": list, "checks": list, "agents": list},
        worktree=True,
        changes=False,
        system=True,
        timeout=1800,
        silence=900,
    ),
    Kind(
        name="change.fix",
        about="Runs a project's fixer on the findings of a review; what it wrote moves the change's head.",
        required={"change": str, "commit": str, "base": str, "branch": str, "findings": list},
        # Either a command, or a coding agent with a brief.
        optional={"argv": list, "agent": str, "model": str, "brief": str, "epoch": int},
        worktree=True,
        changes=False,
        spends=True,
        system=True,
        timeout=900,
    ),
    Kind(
        name="change.resolve",
        about="Goes on with a change on its own branch: a conflict resolved, or what a person asks for done.",
        required={"change": str, "commit": str, "base": str, "branch": str, "brief": str},
        # `onto`: the branch that it conflicts with; empty where nothing is merged.
        optional={"argv": list, "agent": str, "model": str, "epoch": int, "onto": str, "env": dict},
        worktree=True,
        changes=False,
        spends=True,
        system=True,
        timeout=900,
    ),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _TABLE}


def get(name: str) -> Kind:
    """The kind called `name`.

    Raises: BadInput naming the kinds there are.
    """
    try:
        return KINDS[name]
    except KeyError:
        known = ", ".join(k.name for k in _TABLE if not k.system)
        raise BadInput(f"unknown kind {name!r}", hint=f"kinds are: {known}") from None


def check_payload(kind: Kind, payload: Mapping[str, Any], where: str) -> None:
    """Holds a payload against its kind's fields.

    Raises: BadInput naming the field.
    """
    allowed = kind.fields
    for key, value in payload.items():
        if key not in allowed:
            raise BadInput(f"{where}.payload: unknown field {key!r}", hint=f"{kind.name} takes: {', '.join(allowed)}")
        if not isinstance(value, allowed[key]):
            raise BadInput(f"{where}.payload.{key}: expected {_words[allowed[key]]}, got {type(value).__name__}")
    for key in kind.required:
        if key not in payload:
            raise BadInput(f"{where}.payload: field {key!r} is missing")
    if "argv" in payload:
        _check_argv(payload["argv"], f"{where}.payload.argv")
    if "brief" in payload:
        _check_brief(payload, f"{where}.payload")
    for name, value in payload.get("env", {}).items():
        if not isinstance(value, str) or not name.isidentifier():
            raise BadInput(f"{where}.payload.env.{name}: expected a variable's name and a text")
        if "\0" in value:
            raise BadInput(f"{where}.payload.env.{name}: a value holds a NUL")


_words = {str: "a text", list: "a list", dict: "a mapping", int: "a whole number"}


def _check_brief(payload: Mapping[str, Any], where: str) -> None:
    """Bounded, since some agents take it as an argument; a model's name is no option."""
    if not payload["brief"].strip() or len(payload["brief"].encode()) > MAX_BRIEF or "\0" in payload["brief"]:
        raise BadInput(f"{where}.brief: expected a text of at most {MAX_BRIEF >> 10} KiB without a NUL")
    for key in ("agent", "model"):
        if key in payload and not _PLAIN.match(payload[key]):
            raise BadInput(f"{where}.{key}: {payload[key][:80]!r} is no name")


def _check_argv(argv: list[Any], where: str) -> None:
    if not argv or not all(isinstance(part, str) for part in argv):
        raise BadInput(f"{where}: expected a list of texts, the program first")
    if not argv[0] or any("\0" in part for part in argv):
        raise BadInput(f"{where}: the program is empty or a part holds a NUL")
