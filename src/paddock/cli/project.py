"""`paddock project`: the repositories that jobs work on."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from paddock.cli import args, out, project_forge
from paddock.cli.api import at
from paddock.cli.review import login_name
from paddock.core.errors import BadInput

EXAMPLE = """\
paddock project add shop ./shop --check "python3 -m pytest -q --junitxml={junit}"
paddock project list
paddock project add web ./web --forge github:example/web --forge-token-file token.txt --person octocat=anna
paddock project pause shop --for 2h --note "release freeze"
paddock project share shop 3
paddock project forge web
paddock project resume shop"""


def main(verb: str, words: list[str]) -> int:
    """Adds, lists, pauses, resumes or weighs projects."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    add = args.for_part(parts, "add", "register a repository; the same name again updates it", _add)
    add.add_argument("project", metavar="NAME")
    add.add_argument("repo", metavar="REPO", help="a path, or a file://, ssh:// or https:// address")
    add.add_argument("--branch", help="the branch that moves; the repository's default when left out")
    add.add_argument(
        "--check",
        action="append",
        default=[],
        metavar="COMMAND",
        help="a command that must pass before a change merges; {junit} is where it leaves JUnit XML; repeatable",
    )
    project_forge.add_flags(add)
    project_forge.add_part(parts)
    args.for_part(parts, "list", "list the projects", _list)
    pause = args.for_part(parts, "pause", "start nothing of a project; what runs goes on", _pause)
    pause.add_argument("project", metavar="NAME")
    length = pause.add_mutually_exclusive_group()
    length.add_argument("--for", dest="span", type=args.span, metavar="SPAN", help="it resumes by itself, such as 2h")
    length.add_argument("--until", metavar="TIME", help="it resumes then, such as 2030-01-31T08:00:00Z")
    pause.add_argument("--note", default="", help="why; `paddock job why` tells it")
    resume = args.for_part(parts, "resume", "let a paused project's jobs start again", _resume)
    resume.add_argument("project", metavar="NAME")
    for part in (pause, resume):
        part.add_argument("--as", dest="by", metavar="NAME", help="who does it; the login name when left out")
    share = args.for_part(parts, "share", "set a project's share of live leases against others'", _share)
    share.add_argument("project", metavar="NAME")
    share.add_argument("weight", metavar="N", type=args.whole(0), help="1 when never set; 0: what others leave")
    return args.act(parser, words)


def check_words(commands: list[str]) -> list[list[str]]:
    """Commands as people type them, as argv lists.

    Raises: BadInput for an open quote or an empty command.
    """
    made = []
    for command in commands:
        try:
            argv = shlex.split(command)
        except ValueError as error:
            raise BadInput(f"--check {command!r}: {str(error).lower()}") from None
        if not argv:
            raise BadInput("--check is empty", hint="give a command, such as 'python3 -m pytest -q'")
        made.append(argv)
    return made


def locate(repo: str, branch: str | None) -> tuple[str, str]:
    """A repository's address, a path made absolute, and the branch that moves: the one named, else the default.

    Raises: BadInput when there is no git repository, no commit or no such branch; RemoteUnreachable.
    """
    from paddock.workspace.errors import NoRepository
    from paddock.workspace.forge.local import check_repository
    from paddock.workspace.remote import local_path, ls_remote

    url = repo
    if _is_path(repo):
        path = Path(repo).expanduser()
        if not path.is_dir():
            raise BadInput(f"{repo} is no git repository: there is no such directory")
        url = str(path.resolve())
    elif branch and local_path(repo) is None:
        # Elsewhere: whether this machine reaches it is no matter, the agents must.
        return repo, branch
    try:
        found = None if branch else check_repository(url)
        if branch and f"refs/heads/{branch}" not in ls_remote(url):
            raise BadInput(f"{repo} has no branch {branch!r}")
    except NoRepository:
        raise BadInput(f"{repo} is no git repository", hint=_hint(Path(url))) from None
    return url, found.branch if found else str(branch)


def _hint(path: Path) -> str:
    """Where the repository's top is, when the path lies inside one."""
    tops = [parent for parent in path.parents if (parent / ".git").exists()]
    return f"its top is {tops[0]}" if tops else "make one there: git init, then a first commit"


def _is_path(repo: str) -> bool:
    if Path(repo).expanduser().exists() or repo.startswith(("/", ".", "~")):
        return True
    return "://" not in repo and ":" not in repo


def _add(found: argparse.Namespace) -> int:
    checks = check_words(found.check)
    repo, branch = locate(found.repo, found.branch)
    body = {"name": found.project, "repo": repo, "branch": branch, "checks": checks}
    forge = project_forge.body_of(found)
    if forge and not found.forge:
        raise BadInput("--forge is missing", hint="such as --forge github:owner/name")
    made = args.api_of(found).post("/v1/projects", body)
    if not found.json:
        # Told at once: it stands also where the forge is refused.
        out.line(f"project {made['name']}: {made['repo']} at {made['branch']}, {_checks(len(made['checks']))}")
    shown = args.api_of(found).post(at("projects", made["name"], "forge"), forge) if forge else None
    if found.json:
        out.dump(made if shown is None else {**made, "forge": shown})
    elif shown is not None:
        project_forge.tell(found, shown)
    return 0


def _checks(count: int) -> str:
    return out.count(count, "check") if count else "no checks: what a person approves merges untested"


def _list(found: argparse.Namespace) -> int:
    projects = args.api_of(found).get("/v1/projects")
    if found.json:
        out.dump(projects)
        return 0
    rows = [
        [
            p["name"],
            p["branch"],
            p["repo"],
            "; ".join(shlex.join(c) for c in p["checks"]),
            p["weight"],
            paused_words(p["paused"]),
        ]
        for p in projects
    ]
    titles = ("name", "branch", "repository", "checks", "share", "paused")
    out.table(titles, rows, "no projects yet: paddock project add NAME REPO")
    return 0


def paused_words(paused: dict[str, Any] | None) -> str:
    """Who paused it, until when and why; empty for a project that is not paused."""
    if paused is None:
        return ""
    until = f" until {out.clock(paused['until'])}" if paused["until"] else ""
    return f"by {paused['by']}{until}" + (f": {paused['note']}" if paused["note"] else "")


def _pause(found: argparse.Namespace) -> int:
    body = {"by": found.by or login_name(), "note": found.note}
    if found.span is not None:
        body["seconds"] = found.span
    if found.until is not None:
        body["until"] = found.until
    return _told(found, args.api_of(found).post(at("projects", found.project, "pause"), body))


def _resume(found: argparse.Namespace) -> int:
    body = {"by": found.by or login_name()}
    return _told(found, args.api_of(found).post(at("projects", found.project, "resume"), body))


def _share(found: argparse.Namespace) -> int:
    return _told(found, args.api_of(found).post(at("projects", found.project, "share"), {"weight": found.weight}))


def _told(found: argparse.Namespace, project: dict[str, Any]) -> int:
    if found.json:
        out.dump(project)
        return 0
    paused = paused_words(project["paused"])
    out.line(f"project {project['name']}: share {project['weight']}, {f'paused {paused}' if paused else 'not paused'}")
    return 0
