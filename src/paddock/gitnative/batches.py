"""Batches of tasks, of which one opens when enough of another is done: `.agents/projects/<project>/batches.toon`."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from paddock.gitnative import tasks, toon
from paddock.gitnative.errors import TaskInvalid

_PATH = re.compile(r"\.agents/projects/(?P<project>[^/]+)/batches\.toon")


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What the tasks of a batch wait for: so many of these keys must be done."""

    keys: tuple[str, ...]
    done: int

    def opens(self, done: Collection[str]) -> bool:
        """Whether enough is done."""
        return sum(key in done for key in self.keys) >= self.done


def path_of(project: str) -> str:
    """Where the batches of a project stand."""
    return f".agents/projects/{project}/batches.toon"


def project_of(path: str) -> str:
    """The project whose batches a path holds; empty for every other path."""
    found = _PATH.fullmatch(path)
    return found["project"] if found else ""


def gates(text: str, path: str) -> dict[str, Gate]:
    """By task, what it waits for because of its batch.

    Raises: TaskInvalid with the path and the line.
    """
    document = toon.loads(text, path)
    listed = _listed(document, path)
    known: dict[str, tuple[str, ...]] = {}
    out: dict[str, Gate] = {}
    for number, row in enumerate(listed):
        line = document.line("batches", number)
        name, keys = _batch(row, project_of(path), path, line)
        after = row.get("opens_after")
        if name in known:
            raise TaskInvalid(f"batch {name!r} stands twice", path=path, line=line)
        if after is not None:
            if after not in known:
                raise TaskInvalid(f"batch {name!r} opens after {after!r}, which is not before it", path=path, line=line)
            gate = Gate(keys=known[after], done=_count(row, known[after], path, line))
            out |= dict.fromkeys(keys, gate)
        known[name] = keys
    return out


def _listed(document: toon.Document, path: str) -> list[Mapping[str, Any]]:
    listed = document.value.get("batches")
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise TaskInvalid("a list `batches` is expected", path=path, line=1, hint="each has name and tasks")
    return listed


def _batch(row: Mapping[str, Any], project: str, path: str, line: int) -> tuple[str, tuple[str, ...]]:
    name, listed = row.get("name"), row.get("tasks")
    if not isinstance(name, str) or not name:
        raise TaskInvalid("the batch has no name", path=path, line=line)
    if not isinstance(listed, list) or not all(isinstance(one, str) and tasks.ID.fullmatch(one) for one in listed):
        raise TaskInvalid(f"batch {name!r}: `tasks` is no list of ids", path=path, line=line)
    return name, tuple(f"{project}/{one}" for one in listed)


def _count(row: Mapping[str, Any], keys: tuple[str, ...], path: str, line: int) -> int:
    done = row.get("done", len(keys))
    if isinstance(done, bool) or not isinstance(done, int) or not 0 <= done <= len(keys):
        raise TaskInvalid(f"`done` is no number from 0 to {len(keys)}", path=path, line=line)
    return done


def appended(text: str, path: str, row: Mapping[str, Any]) -> str:
    """The text of a batches file with one more batch.

    Raises: TaskInvalid when the result has a fault.
    """
    before = _listed(toon.loads(text, path), path) if text else []
    made = toon.dumps({"batches": [*before, dict(row)]})
    gates(made, path)
    return made
