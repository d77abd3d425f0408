"""The demo's sample project: a small Python package with twelve bugs in a repository, and the batch that fixes them.

The product knows nothing of it: the coding agent is `tools/fix.py` in the repository, an ordinary program.
"""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = Path(__file__).parent / "sample_files"
BRANCH = "main"
# `{junit}` stands for the path at which a check leaves its JUnit XML.
# Plugins of whatever environment the jobs see are none of the sample's, and loading them takes longer than its tests.
CHECKS = [
    ["python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--disable-plugin-autoload", "--junitxml={junit}"],
]

_AUTHOR = ("Tally", "tally@example.org")
_STARTED = 1_700_000_000
# What each commit adds, in order.
_COMMITS = (
    ("Read lines, keep accounts, print reports", ("README.md", ".gitignore", "tally")),
    ("Test every module", ("tests",)),
    ("File the known bugs", ("bugs",)),
    ("Add the tool that works on one ticket", ("tools",)),
)


@dataclass(frozen=True)
class Ticket:
    """One known bug: the file that is wrong, the test that fails, the tickets to fix before it."""

    name: str
    title: str
    file: str
    test: str
    after: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """The sample project as a bare repository, its first commit to work on, and its tickets in order."""

    path: Path
    branch: str
    base: str
    tickets: tuple[Ticket, ...]


def make(path: Path) -> Sample:
    """Writes the sample project as a bare repository at `path`, which must not exist or be empty.

    Raises: subprocess.CalledProcessError when git fails, OSError when the disk does.
    """
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="paddock-sample-") as scratch:
        tree, git = Path(scratch, "tree"), _Git(path, Path(scratch))
        tree.mkdir()
        git.run("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(path))
        for number, (message, names) in enumerate(_COMMITS):
            for name in names:
                _copy(FILES / name, tree / name)
            git.run("add", "--all", "--force", ".")
            git.run("commit", "--quiet", "--message", message, at=_STARTED + number * 3600)
        base = git.run("rev-parse", BRANCH)
    return Sample(path=path, branch=BRANCH, base=base, tickets=tickets())


def tickets() -> tuple[Ticket, ...]:
    """The tickets that the sample project ships, by number."""
    return tuple(_ticket(path) for path in sorted((FILES / "bugs").glob("BUG-*.md")))


def jobs(sample: Sample, project: str = "tally") -> dict[str, Any]:
    """The batch that fixes every bug, one job for each ticket."""
    return {
        "project": project,
        "name": "fix-known-bugs",
        "defaults": {"kind": "command", "timeout": 120},
        "jobs": [_job(ticket) for ticket in sample.tickets],
    }


def _job(ticket: Ticket) -> dict[str, Any]:
    return {
        "id": ticket.name,
        "payload": {
            "argv": ["python3", "tools/fix.py", ticket.name],
            "message": f"Fix {ticket.name}: {ticket.title}",
        },
        "scope": {
            "files": {"write": [ticket.file]},
            "commands": [["python3", "tools/fix.py", "*"]],
            "hosts": [],
        },
        "accept": [ticket.test],
        "depends_on": list(ticket.after),
    }


def _ticket(path: Path) -> Ticket:
    lines = path.read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(": ", 1) for line in lines[1:] if line.startswith(("File: ", "Test: ", "After: ")))
    return Ticket(
        name=path.stem,
        title=lines[0].split(": ", 1)[1],
        file=fields["File"],
        test=fields["Test"],
        after=tuple(fields.get("After", "").split()),
    )


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    else:
        shutil.copyfile(source, target)


class _Git:
    """git on one bare repository with a work tree beside it, away from whatever the user has configured."""

    def __init__(self, repository: Path, scratch: Path) -> None:
        name, email = _AUTHOR
        self._tree = scratch / "tree"
        self._env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(scratch),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_DIR": str(repository),
            "GIT_WORK_TREE": str(self._tree),
            "GIT_INDEX_FILE": str(scratch / "index"),
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
        }

    def run(self, *args: str, at: int = _STARTED) -> str:
        """The output of one git command that must succeed; `at` is the time of a commit, in epoch seconds."""
        date = f"{at} +0000"
        env = {**self._env, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        if args[0] == "init":
            env = {key: value for key, value in env.items() if key not in ("GIT_DIR", "GIT_WORK_TREE")}
        done = subprocess.run(["git", *args], cwd=self._tree, env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()
