"""A task as its file says it, held against the schema field by field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paddock.gitnative import toon
from paddock.gitnative.errors import TaskInvalid

TYPES = (
    *("feature", "bugfix", "refactor", "test", "docs", "chore"),
    *("backend", "frontend", "infrastructure", "mobile", "documentation"),
)
STATUSES = ("ready", "pending", "blocked", "claimed", "in_progress", "completed")
COMPLEXITIES = ("low", "medium", "high")
# Never a dot: the name is part of a ref.
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*")
# A dependency in another project is written `project/TASK-001`.
_NEED = re.compile(rf"(?:(?P<project>{PROJECT.pattern})/)?(?P<task>{ID.pattern})")
_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task. `key` is its name in the whole repository, `needs` and `blocks` are such keys."""

    id: str
    project: str
    title: str
    type: str
    priority: int
    status: str
    # The role that may take it; empty: any.
    role: str
    needs: tuple[str, ...]
    # Told to readers, asked by nothing.
    blocks: tuple[str, ...]
    path: str
    # Lines of the file, for complaints: of the task, and of each need.
    line: int
    need_lines: tuple[int, ...]
    complexity: str
    # Seconds, argv and scope of a run, for agents that run it themselves: the `run` section.
    run: Mapping[str, Any]
    # Lost too often: it waits for a person, who takes the section `parked` out.
    parked: bool = False

    @property
    def key(self) -> str:
        """`project/id`."""
        return f"{self.project}/{self.id}"


def project_name(text: str) -> bool:
    """Whether a text names a project."""
    return PROJECT.fullmatch(text) is not None and len(text) <= 100 and not text.endswith(".lock")


def parse(text: str, path: str, project: str = "") -> Task:
    """The task in a file's text; `project` is what the file's place says.

    Raises: TaskInvalid with the path, the line and the field.
    """
    return _Reader(toon.loads(text, path), path).task(project)


class _Reader:
    def __init__(self, document: toon.Document, path: str) -> None:
        self._doc = document
        self._path = path

    def task(self, project: str) -> Task:
        head = self._section("task", needed=True)
        identity = self._match(head, "id", ID, "letters, digits, `-` and `_`, such as TASK-001")
        stem = self._path.rsplit("/", 1)[-1].removesuffix(".toon")
        if stem != identity:
            raise self._bad(f"the id is {identity!r}, but the file is called {stem}.toon", "task", "id")
        own = str(head.get("project") or "") or project or "default"
        if not project_name(own):
            raise self._bad(f"{own!r} names no project", "task", "project", hint="small letters, digits, `.`, `-`, `_`")
        if project and own != project:
            raise self._bad(f"it names project {own!r}, but lies in {project!r}", "task", "project")
        needs, need_lines = self._needs(own, "required")
        return Task(
            id=identity,
            project=own,
            title=self._text(head, "title"),
            type=self._word(head, "type", TYPES, "feature"),
            priority=self._priority(head),
            status=self._word(head, "status", STATUSES),
            role=str(head.get("role") or ""),
            needs=needs,
            blocks=self._blocks(own),
            path=self._path,
            line=self._doc.line("task"),
            need_lines=need_lines,
            complexity=self._word(self._section("metadata"), "complexity", COMPLEXITIES, "medium", under="metadata"),
            run=self._run(),
            parked="parked" in self._doc.value,
        )

    def _section(self, name: str, *, needed: bool = False) -> Mapping[str, Any]:
        found = self._doc.value.get(name)
        if found is None and not needed:
            return {}
        if not isinstance(found, dict):
            raise self._bad(f"section `{name}` is missing" if found is None else f"`{name}` is no section", name)
        return found

    def _text(self, head: Mapping[str, Any], name: str) -> str:
        found = head.get(name, _MISSING)
        if found is _MISSING or found is None or found == "":
            raise self._bad(f"field `{name}` is missing", "task", name)
        return str(found)

    def _match(self, head: Mapping[str, Any], name: str, pattern: "re.Pattern[str]", form: str) -> str:
        found = self._text(head, name)
        if not pattern.fullmatch(found):
            raise self._bad(f"{name} {found[:80]!r} is none", "task", name, hint=form)
        return found

    def _word(
        self, head: Mapping[str, Any], name: str, words: tuple[str, ...], default: str = "", *, under: str = "task"
    ) -> str:
        found = head.get(name)
        if found is None and default:
            return default
        if found not in words:
            said = f"field `{name}` is missing" if found is None else f"{name} {str(found)[:60]!r} is unknown"
            raise self._bad(said, under, name, hint=f"one of: {', '.join(words)}")
        return str(found)

    def _priority(self, head: Mapping[str, Any]) -> int:
        found = head.get("priority")
        if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found <= 10:
            said = "field `priority` is missing" if found is None else f"priority {str(found)[:60]!r} is none"
            raise self._bad(said, "task", "priority", hint="a whole number from 1 to 10, 10 is the most urgent")
        return found

    def _needs(self, project: str, name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
        keys: list[str] = []
        at: list[int] = []
        for number, found in self._listed(name):
            need = _NEED.fullmatch(str(found))
            if need is None:
                raise self._bad(
                    f"dependencies.{name}: {str(found)[:80]!r} is no task's id",
                    *("dependencies", name, number),
                    hint="one id on each line, such as TASK-001; words about it belong into `notes`",
                )
            key = f"{need['project'] or project}/{need['task']}"
            if key not in keys:
                keys.append(key)
                at.append(self._doc.line("dependencies", name, number))
        return tuple(keys), tuple(at)

    def _blocks(self, project: str) -> tuple[str, ...]:
        found = (_NEED.fullmatch(str(value)) for _, value in self._listed("blocks"))
        return tuple(f"{one['project'] or project}/{one['task']}" for one in found if one)

    def _listed(self, name: str) -> list[tuple[int, Any]]:
        found = self._section("dependencies").get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            raise self._bad(f"dependencies.{name} is no list", "dependencies", name, hint=f"write {name}[1]: TASK-001")
        return list(enumerate(found))

    def _run(self) -> Mapping[str, Any]:
        run = self._section("run")
        argv = run.get("argv")
        if run and (not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv)):
            raise self._bad("run.argv is no list of texts", "run", "argv", hint='write argv[2]: make,"test"')
        timeout = run.get("timeout", 600)
        if isinstance(timeout, bool) or not isinstance(timeout, int) or not 1 <= timeout <= 86_400:
            raise self._bad("run.timeout is no number of seconds", "run", "timeout", hint="from 1 to 86400")
        write = run.get("write", [])
        if not isinstance(write, list) or not all(isinstance(pattern, str) for pattern in write):
            raise self._bad("run.write is no list of patterns", "run", "write", hint="write write[1]: src/**")
        unknown = set(run) - {"argv", "timeout", "write"}
        if unknown:
            raise self._bad(f"run.{min(unknown)} is unknown", "run", min(unknown), hint="argv, timeout, write")
        return run

    def _bad(self, words: str, *steps: toon.Step, hint: str = "") -> TaskInvalid:
        return TaskInvalid(words, path=self._path, line=self._doc.line(*steps), hint=hint)
