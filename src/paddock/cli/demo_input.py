"""What a demo works on: found, checked and made ready before anything starts."""

import argparse
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddock.cli import batch_file, project
from paddock.core.errors import BadInput, Refused
from paddock.settings import TABLE


@dataclass(frozen=True, kw_only=True)
class Task:
    """A project and the batch for it. `base` is the branch's tip before anything ran."""

    project: str
    repo: str
    branch: str
    base: str
    checks: list[list[str]]
    batch: dict[str, Any]
    about: str


def check_words(found: argparse.Namespace) -> None:
    """Refuses words that do not go together.

    Raises: BadInput.
    """
    if found.repo and not found.jobs:
        raise BadInput("--repo needs --jobs: which jobs are to be done there?", hint="a batch file, see paddock submit")
    if found.branch and not found.jobs:
        raise BadInput("--branch needs --repo and --jobs", hint="the sample repository has one branch")
    project.check_words(found.check)


def prepare(found: argparse.Namespace, home: Path) -> Task:
    """The task that the words describe; the sample repository is made below `home`.

    Raises: BadInput when the batch or the repository cannot be used, or uncommitted work would be in the way.
    """
    return _own(found) if found.jobs else _sample(found, home)


def _sample(found: argparse.Namespace, home: Path) -> Task:
    from paddock.demo import sample

    made = sample.make(home / "sample.git")
    return Task(
        project="tally",
        repo=str(made.path),
        branch=made.branch,
        base=made.base,
        checks=project.check_words(found.check) or sample.CHECKS,
        batch=sample.jobs(made, "tally"),
        about=f"a sample repository with {len(made.tickets)} known bugs at {made.path}",
    )


def _own(found: argparse.Namespace) -> Task:
    batch = batch_file.read(found.jobs)
    named = batch.body.get("project")
    repo = found.repo or (named if isinstance(named, str) else "")
    if not found.repo and (not isinstance(named, str) or not _is_place(named)):
        batch.check()
        raise BadInput(f"the batch is for project {named!r}: where is its repository?", hint="say so with --repo")
    name = _project_name(named if isinstance(named, str) else "", repo)
    if "project" not in batch.body or isinstance(named, str):
        batch.body["project"] = name
    batch.check()
    url, branch = project.locate(repo, found.branch)
    base = _tip(url, branch, repo)
    _check_tree(url, branch)
    checks = project.check_words(found.check)
    about = f"{len(batch.body['jobs'])} jobs for {url} at {branch}"
    return Task(
        project=name,
        repo=url,
        branch=branch,
        base=base,
        checks=checks,
        batch=batch.body,
        about=about if checks else f"{about}, merged untested (no --check)",
    )


def _is_place(text: str) -> bool:
    return "/" in text or ":" in text or text.startswith((".", "~"))


def _project_name(named: str, repo: str) -> str:
    """The batch's own name for it, or one made from where it lies."""
    if re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", named):
        return named
    last = re.split(r"[/:]", str(Path(repo).expanduser().resolve()) if "://" not in repo else repo.rstrip("/"))[-1]
    made = re.sub(r"[^a-z0-9._-]+", "-", last.lower().removesuffix(".git")).strip("-._")[:64]
    return made or "project"


def _tip(url: str, branch: str, repo: str) -> str:
    from paddock.workspace.remote import ls_remote

    tip = ls_remote(url, f"refs/heads/{branch}").get(f"refs/heads/{branch}")
    if not tip:
        raise BadInput(f"{repo} has no branch {branch!r}")
    return tip


def _check_tree(url: str, branch: str) -> None:
    """Refuses while the branch that moves is checked out with uncommitted work: it would stand in the way."""
    from paddock.workspace.forge.local import working_tree_state
    from paddock.workspace.remote import local_path

    path = local_path(url)
    if path is None or working_tree_state(path, branch) != "dirty":
        return
    names = _uncommitted(path)
    some = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    raise BadInput(
        f"{branch} is checked out in {path} with changes that are not committed{f': {some}' if some else ''}",
        hint="commit or stash them, check out another branch, or name another with --branch",
    )


def _uncommitted(path: Path) -> list[str]:
    """The files with uncommitted changes; none when the branch is checked out in a linked worktree."""
    from paddock.workspace.git import run
    from paddock.workspace.remote import as_user

    user = as_user(path)
    env = {"GIT_CONFIG_GLOBAL": "/dev/null"} if user else {}
    done = run(
        "-C", str(path), "status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", user=user, env=env
    )
    return [field[3:] for field in done.out.decode(errors="replace").split("\0") if len(field) > 3]


def check_host(home: Path, degraded: bool) -> None:
    """Refuses a host that cannot contain jobs, unless it was said that it may.

    Raises: Refused with the command that would raise it.
    """
    from paddock.sandbox import probe

    held = probe(home)
    if held.cls != "contained" and not degraded:
        raise Refused(
            f"this host cannot contain jobs: {held.reason}",
            hint=f"{held.hint}; or --allow-degraded to run them uncontained".removeprefix("; "),
        )


def let_run_uncontained(batch: dict[str, Any]) -> None:
    """Has every job of a batch say that it may run where nothing contains it; the host's owner said so already."""
    usual = batch.get("defaults", {}).get("scope", {})
    for job in batch["jobs"]:
        job["scope"] = {**job.get("scope", usual), "degraded": True}


def port(host: str, asked: int | None) -> int:
    """The port that was asked for, else the usual one when it is free, else any that is."""
    if asked is not None:
        return asked
    for candidate in (int(str(TABLE["port"].default)), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            free: int = probe.getsockname()[1]
            return free
    raise BadInput(f"there is no free port at {host}", hint="name one with --port")
