"""The one way a git process is run here: no prompt, a deadline, nothing of a surrounding repository's environment."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from paddock.core.errors import PaddockError
from paddock.gitnative.errors import GitRefused, GitUnreachable

TIMEOUT = 120.0  # seconds
# Their effects are for the repository around us, such as that of a hook that calls us.
_DROPPED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH", "GIT_PREFIX")
_SWITCHES = ("-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.hooksPath=/dev/null")
_AWAY = (
    *("Could not read from remote", "unable to access", "Could not resolve", "early EOF", "hung up"),
    *("could not read Username", "Authentication failed", "Connection refused", "does not appear to be a git"),
    *("not a git repository", "unable to connect", "repository not exported", "not found"),
)


class GitFailed(PaddockError):
    """A git command failed."""

    code = "git_failed_here"


def environment() -> dict[str, str]:
    """This process's environment without what would lead git to another repository."""
    env = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    ssh = env.get("GIT_SSH_COMMAND") or "ssh -o BatchMode=yes"
    return env | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_SSH_COMMAND": ssh}


def program() -> str:
    """The git program.

    Raises: GitFailed when this host has none.
    """
    found = shutil.which("git")
    if found is None:
        raise GitFailed("this host has no git", hint="install git 2.31 or newer")
    return found


def run(
    *words: str, git_dir: Path | None = None, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Runs git to its end whatever its exit code.

    Raises: GitUnreachable when it does not end in time.
    """
    where = [f"--git-dir={git_dir}"] if git_dir is not None else []
    try:
        return subprocess.run(
            [program(), *_SWITCHES, *where, *words],
            input=stdin,
            capture_output=True,
            env={**environment(), **(env or {})},
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GitUnreachable(f"git {words[0]} did not end within {TIMEOUT:.0f} s") from None


def git(*words: str, git_dir: Path | None = None, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
    """What git prints.

    Raises: GitUnreachable, GitRefused or GitFailed with git's own words.
    """
    done = run(*words, git_dir=git_dir, stdin=stdin, env=env)
    if done.returncode == 0:
        return done.stdout
    raise failure(words[0], done.stderr.decode(errors="replace"))


def failure(verb: str, said: str) -> PaddockError:
    """The error for what git said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote: error", "ERR"))]
    words = (telling or lines or ["it gave no reason"])[0][:300]
    if any(sign in said for sign in _AWAY):
        return GitUnreachable(f"the remote cannot be reached: {words}")
    if "[remote rejected]" in said:
        return GitRefused(f"the remote refused: {words}")
    return GitFailed(f"git {verb} failed: {words}")
