"""The task files of a work tree: read, checked, added."""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from paddock.core.errors import BadInput
from paddock.gitnative import batches, edit, layouts, tasks, toon
from paddock.gitnative.board import Board
from paddock.gitnative.errors import TaskInvalid
from paddock.gitnative.tasks import Task

# Bytes of a task file; a longer one is no task.
LARGEST = 1 << 20


def top_of(folder: Path) -> Path:
    """The top of the work tree around a folder.

    Raises: BadInput when there is none.
    """
    for path in (folder.absolute(), *folder.absolute().parents):
        if (path / ".git").exists():
            return path
    raise BadInput(f"{folder} is in no git repository", hint="make one with `git init`, or name it with --dir")


def read_text(path: Path, shown: str) -> str:
    """A file's text.

    Raises: TaskInvalid when it is too large, unreadable or no text.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise TaskInvalid("the file is too large for a task", path=shown, line=1)
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise TaskInvalid("this is no text in UTF-8", path=shown, line=1) from None
    except OSError as error:
        raise BadInput(f"{shown} cannot be read: {error.strerror}") from None


def read_board(top: Path) -> Board:
    """Every task below the top of a work tree; what cannot be used is among the board's problems."""
    board = Board()
    for path in sorted(_files(top)):
        shown = path.relative_to(top).as_posix()
        if layouts.place_of(shown) is None and not batches.project_of(shown):
            continue
        try:
            board.add(shown, read_text(path, shown))
        except TaskInvalid as error:
            board.fault(error)
    return board


def _files(top: Path) -> Iterator[Path]:
    for root in layouts.ROOTS:
        yield from (top / root).rglob("*.toon")


def add(top: Path, files: Sequence[Path], project: str = "", batch: Mapping[str, Any] | None = None) -> list[Task]:
    """Puts task files into the work tree: all of them, or none when one has a fault together with those there.

    `batch` names them as one: its name and, when it waits for another, `opens_after` and `done`.
    Raises: TaskInvalid naming the file and the line; BadInput when a task exists already.
    """
    board = read_board(top)
    before = {str(problem) for problem in board.check()}
    texts: dict[str, str] = {}
    for file in files:
        text = read_text(file, str(file))
        task = tasks.parse(text, str(file), project)
        place = layouts.new_place(task.project, task.id).path(layouts.OPEN)
        if task.key in board.tasks or (top / place).exists():
            other = board.tasks[task.key].path if task.key in board.tasks else place
            raise TaskInvalid(f"{task.key} exists already, in {other}", path=str(file), line=task.line)
        texts[place] = text
        board.add(place, text)
    if batch and texts:
        _add_batch(top, board, texts, batch)
    for problem in board.check():
        if str(problem) not in before and not problem.warning:
            raise TaskInvalid(problem.message, path=problem.path, line=problem.line, hint=problem.hint)
    for place, text in texts.items():
        write(top / place, text)
    return [task for task in board.tasks.values() if task.path in texts]


def _add_batch(top: Path, board: Board, texts: dict[str, str], batch: Mapping[str, Any]) -> None:
    """Adds the batches file to the texts that will be written."""
    place = batches.path_of(next(task.project for task in board.tasks.values() if task.path in texts))
    known = read_text(top / place, place) if (top / place).exists() else ""
    texts[place] = batches.appended(known, place, {**batch, "tasks": [Path(path).stem for path in texts]})
    board.add(place, texts[place])


def unblock(top: Path, project: str = "") -> list[Task]:
    """Marks the tasks as ready whose needs are all done, in files that wait; returns them.

    Raises: BadInput when a file cannot be read.
    """
    board = read_board(top)
    opened = []
    for key in board.ready(board.completed()):
        task = board.tasks[key]
        if task.status in ("blocked", "pending") and (not project or task.project == project):
            path = top / task.path
            write(path, edit.with_status(read_text(path, task.path), "ready"))
            opened.append(task)
    return opened


def split_batch(file: Path, folder: Path) -> tuple[list[Path], dict[str, Any]]:
    """The tasks of one file, each in a file of its own below `folder`, and what the file says of them together.

    It is a TOON list `tasks` of task documents and, for a batch that others wait for or that waits itself, `batch` with
    `name`, `opens_after` and `done`. Raises: TaskInvalid.
    """
    document = toon.loads(read_text(file, str(file)), str(file))
    listed = document.value.get("tasks")
    if not isinstance(listed, list) or not listed:
        raise TaskInvalid("a list `tasks` is expected", path=str(file), line=1, hint="each item is a task document")
    out: list[Path] = []
    for number, value in enumerate(listed):
        head = value.get("task") if isinstance(value, dict) else None
        name = head.get("id") if isinstance(head, dict) else None
        line = document.line("tasks", number)
        if not isinstance(name, str) or not tasks.ID.fullmatch(name):
            raise TaskInvalid("the task has no id", path=str(file), line=line, hint="tasks[…] items begin with `task:`")
        path = folder / f"{name}.toon"
        if path in out:
            raise TaskInvalid(f"{name} stands twice", path=str(file), line=line)
        path.write_text(toon.dumps(value), encoding="utf-8")
        out.append(path)
    batch = document.value.get("batch", {})
    unknown = set(batch) - {"name", "opens_after", "done"} if isinstance(batch, dict) else {"batch"}
    if unknown:
        raise TaskInvalid(f"`batch` is not understood: {min(unknown)}", path=str(file), line=document.line("batch"))
    return out, batch


def write(path: Path, text: str) -> None:
    """Writes a file so that a crash leaves the old one, the new one or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with scratch.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)
