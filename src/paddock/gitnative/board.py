"""All tasks of a repository together: what is wrong with them, what is urgent, what is ready."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from paddock.gitnative import batches, layouts, tasks
from paddock.gitnative.batches import Gate
from paddock.gitnative.errors import TaskInvalid
from paddock.gitnative.tasks import Task


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One fault. A warning keeps nothing from running."""

    path: str
    line: int
    message: str
    hint: str = ""
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass
class Board:
    """The tasks by key with the folder each stands in, as one state of the files says."""

    tasks: dict[str, Task] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    gates: dict[str, Gate] = field(default_factory=dict)

    @property
    def projects(self) -> list[str]:
        """The projects that have tasks."""
        return sorted({task.project for task in self.tasks.values()})

    def add(self, path: str, text: str) -> None:
        """Adds a file; what cannot be used becomes a problem."""
        place = layouts.place_of(path)
        if place is None:
            self._add_gates(path, text)
            return
        try:
            task = tasks.parse(text, path, place.project)
        except TaskInvalid as error:
            self.fault(error)
            return
        self._place(task, place.folder)

    def _add_gates(self, path: str, text: str) -> None:
        if batches.project_of(path):
            try:
                self.gates |= batches.gates(text, path)
            except TaskInvalid as error:
                self.fault(error)

    def fault(self, error: TaskInvalid) -> None:
        """Notes a file that cannot be used."""
        self.problems.append(Problem(path=error.path, line=error.line, message=error.words, hint=error.hint))

    def keep(self, task: Task) -> None:
        """Adds a task that was read before."""
        place = layouts.place_of(task.path)
        if place is not None:
            self._place(task, place.folder)

    def _place(self, task: Task, folder: str) -> None:
        other = self.tasks.get(task.key)
        if other is None and task.key in self.folders:  # done, and known by name alone
            return
        if other is None:
            self.tasks[task.key], self.folders[task.key] = task, folder
            return
        before = self.folders[task.key]
        later = layouts.ORDER.index(folder) > layouts.ORDER.index(before)
        words = f"{task.key} stands in {other.path} too"
        self.problems.append(
            Problem(
                path=task.path, line=task.line, message=words, hint="one file for each task", warning=folder != before
            )
        )
        if later:
            self.tasks[task.key], self.folders[task.key] = task, folder

    def completed(self) -> set[str]:
        """What the files say is done."""
        return {key for key, folder in self.folders.items() if folder == layouts.COMPLETED}

    def check(self) -> list[Problem]:
        """Every fault of the files and between the tasks, in the order of path and line."""
        found = [*self.problems, *self._gated(), *self._needs(), *self._cycles(), *self._inversions()]
        return sorted(found, key=lambda one: (one.path, one.line, one.message))

    def _needs(self) -> Iterable[Problem]:
        for task in self.tasks.values():
            for need, line in zip(task.needs, task.need_lines, strict=True):
                short = _short(need, task.project)
                if need == task.key:
                    yield Problem(path=task.path, line=line, message=f"{task.id} requires itself")
                elif need not in self.tasks:
                    hint = "required names tasks of this repository"
                    yield Problem(path=task.path, line=line, message=f"requires unknown task {short!r}", hint=hint)

    def _gated(self) -> Iterable[Problem]:
        for project in sorted({key.partition("/")[0] for key in self.gates}):
            named = {key for own, gate in self.gates.items() for key in (own, *gate.keys)}
            for key in sorted(key for key in named if key.startswith(f"{project}/") and key not in self.folders):
                words = f"a batch names unknown task {_short(key, project)!r}"
                yield Problem(path=batches.path_of(project), line=1, message=words)

    def _cycles(self) -> Iterable[Problem]:
        for cycle in cycles({key: task.needs for key, task in self.tasks.items()}):
            task = self.tasks[cycle[0]]
            line = task.need_lines[task.needs.index(cycle[1])]
            words = f"dependencies form a cycle: {' -> '.join(_short(key, task.project) for key in cycle)}"
            yield Problem(path=task.path, line=line, message=words, hint="take one of them out")

    def _inversions(self) -> Iterable[Problem]:
        done = self.completed()
        for key, task in self.tasks.items():
            for need, line in zip(task.needs, task.need_lines, strict=True):
                other = self.tasks.get(need)
                if key in done or other is None or need in done or other.priority >= task.priority:
                    continue
                words = f"priority {task.priority} waits for {_short(need, task.project)} of priority {other.priority}"
                hint = f"{other.id} is taken as urgent as {task.id}"
                yield Problem(path=task.path, line=line, message=words, hint=hint, warning=True)

    def urgency(self, done: Collection[str]) -> dict[str, int]:
        """Effective priorities of what is not done: a task is at least as urgent as what waits for it."""
        return urgency({key: task for key, task in self.tasks.items() if key not in done})

    def ready(self, done: Collection[str]) -> list[str]:
        """Keys of the open tasks whose needs are all done, the most urgent first.

        `done` are the keys that are completed, by file or elsewhere. Equals are ordered by complexity, then by key,
        so that everybody who sees the same sees the same order.
        """
        urgent = self.urgency(done)
        found = [key for key, folder in self.folders.items() if folder == layouts.OPEN and self._is_ready(key, done)]
        rank = tasks.COMPLEXITIES.index
        return sorted(found, key=lambda key: (-urgent[key], rank(self.tasks[key].complexity), key))

    def _is_ready(self, key: str, done: Collection[str]) -> bool:
        task = self.tasks[key]
        if task.parked or key in done or any(need not in done for need in task.needs):
            return False
        gate = self.gates.get(key)
        if gate is not None and not gate.opens(done):
            return False
        # What is blocked or pending and waits for nothing was closed by a person, and a person opens it.
        return task.status in ("ready", "claimed", "in_progress") or bool(task.needs)


def urgency(open_tasks: Mapping[str, Task]) -> dict[str, int]:
    """The highest priority of each task and of everything that waits for it."""
    out: dict[str, int] = {}
    for start in sorted(open_tasks, key=lambda key: -open_tasks[key].priority):
        level, path = open_tasks[start].priority, [start]
        while path:
            key = path.pop()
            if key in open_tasks and key not in out:
                out[key] = level
                path.extend(open_tasks[key].needs)
    return out


def cycles(needs: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """Each circle of dependencies once, beginning and ending with the same key; those of one key are left out."""
    seen: dict[str, int] = {}  # 1 = on the path, 2 = done
    found: list[list[str]] = []
    for start in needs:
        path: list[tuple[str, int]] = [(start, 0)] if start not in seen else []
        while path:
            key, at = path.pop()
            seen[key] = 1
            inside = [need for need in needs[key] if need in needs and need != key]
            if at >= len(inside):
                seen[key] = 2
                continue
            path.append((key, at + 1))
            after = inside[at]
            if seen.get(after) == 1:
                names = [name for name, _ in path]
                found.append([*names[names.index(after) :], after])
            elif after not in seen:
                path.append((after, 0))
    return found


def _short(key: str, project: str) -> str:
    return key.removeprefix(f"{project}/")
