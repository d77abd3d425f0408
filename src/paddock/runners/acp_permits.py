"""What an agent that asks may do: a second layer, which says no early to what the scope would refuse in the end.

An agent may leave asking out, so nothing relies on this: the box holds it while it runs, the scope when it has ended.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from paddock.core.policy_scope import Effective

# Tools that change nothing; what a box lets an agent see, it may see.
_LOOKS = frozenset({"read", "search", "think"})
# With one of these in it a line is more than one command.
_SHELL = frozenset("|&;<>()$`\\\n*?[]{}~#!")
_MOST_PATHS = 1_000


def against(call: Mapping[str, Any], fence: Effective, root: PurePosixPath) -> str:
    """Why a tool call may not be made, empty when it may. `root` is the worktree as the agent sees it."""
    kind = str(call.get("kind"))
    if kind in _LOOKS:
        return ""
    if kind == "execute":
        return _against_command(call.get("rawInput"), fence)
    if kind == "fetch":
        return "" if fence.hosts else "its scope names no host"
    if kind == "switch_mode":
        return "its mode stays as it was started"
    paths = list(_paths(call))
    if not paths:
        return "it does not say which files it is about"
    for path in paths:
        inside = _inside(path, root)
        if inside is None or not fence.writable(inside):
            return f"{path[:300]} is outside its scope"
    return ""


def choice(options: object, why: str) -> dict[str, Any]:
    """The answer in the protocol's words: for this once where that is offered."""
    wanted = ("reject_once", "reject_always") if why else ("allow_once", "allow_always")
    offered = [one for one in options if isinstance(one, dict)] if isinstance(options, list) else []
    for kind in wanted:
        for one in offered:
            if one.get("kind") == kind and isinstance(one.get("optionId"), str):
                return {"outcome": {"outcome": "selected", "optionId": one["optionId"]}}
    return {"outcome": {"outcome": "cancelled"}}


def _paths(call: Mapping[str, Any]) -> Iterator[str]:
    """The paths that a call names: the places that it is about, and the files of the diffs that it shows."""
    for name in ("locations", "content"):
        listed = call.get(name)
        for one in listed[:_MOST_PATHS] if isinstance(listed, list) else ():
            path = one.get("path") if isinstance(one, dict) else None
            if isinstance(path, str):
                yield path


def _inside(path: str, root: PurePosixPath) -> str | None:
    """A path below the worktree, as its scope names it; None for any other."""
    found = root / path
    if ".." in found.parts or not found.is_relative_to(root) or found == root:
        return None
    return str(found.relative_to(root))


def _against_command(given: object, fence: Effective) -> str:
    if fence.commands is None and fence.bound_commands is None:
        return ""
    argv = _argv(given.get("command") if isinstance(given, dict) else None)
    if not argv:
        return "only a plain command can be held against its rules for commands"
    return "" if fence.starts(argv) else f"{argv[0][:100]} with these arguments is outside its scope"


def _argv(command: object) -> Sequence[str]:
    """The words of a command that no shell would make more of; none for any other."""
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        return command
    if not isinstance(command, str) or _SHELL & set(command):
        return ()
    try:
        return shlex.split(command)
    except ValueError:
        return ()
