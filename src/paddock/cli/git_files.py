"""The parts of `paddock git` that work on the files of a work tree."""

import argparse
import tempfile
from pathlib import Path

from paddock.cli import args, out
from paddock.core.errors import BadInput
from paddock.gitnative import checkout, scaffold, tasks


def flags(name: str, part: args.Parser) -> None:
    """Adds what a part takes."""
    part.add_argument("--dir", type=Path, default=Path(), metavar="DIR", help="a folder of the work tree (here)")
    if name == "unblock":
        part.add_argument("project", nargs="?", default="", metavar="PROJECT", help="only tasks of it")
    if name in ("init", "add"):
        part.add_argument("--project", default="", metavar="P", help="the project" + (" (sample)" * (name == "init")))
    if name == "init":
        part.add_argument("--protocol", choices=("refs", "branch"), default="refs", help="how claims are made (refs)")
        part.add_argument(
            "--branch", default="", metavar="B", help="the coordination branch; the remote's when left out"
        )
    if name == "add":
        part.add_argument("files", nargs="*", type=Path, metavar="FILE", help="task files")
        part.add_argument("--batch", type=Path, metavar="FILE", help="a TOON file with a list `tasks`")


def init(found: argparse.Namespace) -> int:
    """Writes what a repository lacks; commits nothing."""
    project = found.project or "sample"
    if not tasks.project_name(project):
        raise BadInput(f"{project!r} names no project", hint="small letters, digits, `.`, `-`, `_`")
    top = checkout.top_of(found.dir)
    written = scaffold.init(top, project, protocol=found.protocol, branch=found.branch)
    if found.json:
        out.dump({"top": str(top), "written": written})
        return 0
    for path in written:
        out.line(f"wrote {path}")
    out.line(
        "commit and push it; then `paddock git claim AGENT` takes a task" if written else "nothing is missing here"
    )
    return 0


def add(found: argparse.Namespace) -> int:
    """Puts files where tasks lie; commits nothing."""
    if not found.files and found.batch is None:
        raise BadInput("no file is named", hint="paddock git add FILE…, or --batch FILE")
    top = checkout.top_of(found.dir)
    with tempfile.TemporaryDirectory(prefix="paddock-git-") as folder:
        made, batch = checkout.split_batch(found.batch, Path(folder)) if found.batch is not None else ([], {})
        added = checkout.add(top, [*found.files, *made], found.project, batch)
    if found.json:
        out.dump([{"task": task.key, "path": task.path} for task in added])
        return 0
    for task in added:
        out.line(f"{task.key}  {task.path}")
    return 0


def check(found: argparse.Namespace) -> int:
    """Names every fault; 1 when there is one that is more than a warning."""
    top = checkout.top_of(found.dir)
    board = checkout.read_board(top)
    problems = board.check()
    faults = [problem for problem in problems if not problem.warning]
    if found.json:
        rows = [
            {"path": one.path, "line": one.line, "message": one.message, "hint": one.hint, "warning": one.warning}
            for one in problems
        ]
        out.dump({"tasks": len(board.tasks), "ok": not faults, "problems": rows})
        return 1 if faults else 0
    for one in problems:
        hint = f" ({one.hint})" if one.hint else ""
        out.line(out.plain(f"{one.path}:{one.line}: {'warning: ' if one.warning else ''}{one.message}{hint}"))
    out.line(f"{len(board.tasks)} tasks, {len(faults)} faults, {len(problems) - len(faults)} warnings")
    return 1 if faults else 0


def unblock(found: argparse.Namespace) -> int:
    """Marks tasks as ready in the files whose needs are all done; claims do not wait for that."""
    opened = checkout.unblock(checkout.top_of(found.dir), found.project)
    if found.json:
        out.dump([{"task": task.key, "path": task.path} for task in opened])
        return 0
    for task in opened:
        out.line(f"ready {task.key}")
    out.line(f"{len(opened)} tasks opened")
    return 0
