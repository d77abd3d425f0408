"""What the parts of `paddock git` that talk to a remote have in common."""

import argparse
import subprocess
from collections.abc import Callable
from pathlib import Path

from paddock.cli import args, out
from paddock.core.errors import BadInput
from paddock.gitnative import channels, gitrun, tasks
from paddock.gitnative.fleet import Fleet
from paddock.gitnative.home import Home
from paddock.gitnative.remote import Remote


def flags_of_remote(part: args.Parser, *, signs: bool = False) -> None:
    """Adds the flags that name a remote."""
    part.add_argument("--repo", default="", metavar="URL", help="the remote; the work tree's origin when left out")
    part.add_argument("--branch", default="", metavar="B", help="the coordination branch; the remote's when left out")
    part.add_argument("--git-process", action="store_true", help="talk to the remote by a git process alone; slower")
    if signs:
        part.add_argument("--sign", type=Path, metavar="KEY", help="an SSH key that signs what is written")


def fleet_of(found: argparse.Namespace) -> Fleet:
    """The remote that the words name, or that the work tree around us comes from.

    Raises: BadInput when there is none.
    """
    url = found.repo or _origin()
    if channels.local_path(url) is None and "://" not in url and ":" not in url:
        raise BadInput(f"{url!r} is no remote", hint="give a path, or a file://, git://, ssh:// or https:// address")
    path = channels.local_path(url)
    home = args.settings_of(found).home
    branch = found.branch or getattr(found, "on_branch", "")
    # One repository has one home here, however its path is written.
    remote = Remote(str(path.resolve()) if path else url, process=found.git_process)
    return Fleet(remote, Home(home, remote.url), branch=branch, say=say)


def _origin() -> str:
    words = [gitrun.program(), "remote", "get-url", "--push", "origin"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=gitrun.environment())
    if done.returncode or not done.stdout.strip():
        raise BadInput("no remote is named", hint="--repo URL, or run this in a work tree that has an origin")
    url = done.stdout.strip()
    return str(Path(url).absolute()) if "://" not in url and ":" not in url else url


def key_of(fleet: Fleet, found: argparse.Namespace) -> str:
    """The task that the words name, as `project/task`.

    Raises: BadInput when it is none, or when several projects have it.
    """
    project, _, name = found.task.rpartition("/")
    project = project or found.project or found.in_project
    if not tasks.ID.fullmatch(name) or (project and not tasks.project_name(project)):
        raise BadInput(f"{found.task!r} names no task", hint="TASK-001, or project/TASK-001")
    if project:
        return f"{project}/{name}"
    held = [one.record.key for one in fleet.home.all_held(found.agent) if one.record.task == name]
    if len(held) == 1:
        return held[0]
    _, stored = fleet.look()
    known = sorted(key for key in stored.folders if key.endswith(f"/{name}"))
    if len(known) == 1:
        return known[0]
    said = f"{name} is in {', '.join(key.partition('/')[0] for key in known)}" if known else f"there is no task {name}"
    raise BadInput(said, hint="name it as project/TASK-001")


def signer_of(found: argparse.Namespace) -> Callable[[bytes], str] | None:
    """What signs with the key that the words name, if they name one."""
    if found.sign is None:
        return None
    from paddock.gitnative.signing import signer

    return signer(found.sign)


def say(words: str) -> None:
    """One line beside the results."""
    out.note(f"paddock: {words}")
