"""Real git repositories for tests, away from whatever git the machine has configured."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

IDENTITY = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
}


def git(where: Path, *args: str, check: bool = True, **env: str) -> str:
    """What `git -C where args` prints, without the last line end; `env` is added to the environment.

    Raises: AssertionError with git's own words when it fails and `check` is set.
    """
    done = subprocess.run(
        ["git", "-C", str(where), *args], env={**os.environ, **IDENTITY, **env}, capture_output=True, text=True
    )
    assert done.returncode == 0 or not check, f"git {' '.join(args)}: {done.stderr.strip()}"
    return done.stdout.rstrip("\n")


@dataclass(frozen=True)
class Repo:
    """A repository on disk; `commits` are those made with it, oldest first."""

    path: Path
    branch: str
    commits: tuple[str, ...]

    def git(self, *args: str, check: bool = True, **env: str) -> str:
        """What git prints, run in this repository."""
        return git(self.path, *args, check=check, **env)

    def tip(self, ref: str = "") -> str:
        """The commit that a ref points to (default: the branch); empty where there is none."""
        return self.git("rev-parse", "--verify", "--quiet", f"{ref or self.branch}^{{commit}}", check=False)

    def show(self, path: str, ref: str = "") -> str:
        """A file's text at a ref (default: the branch)."""
        return self.git("show", f"{ref or self.branch}:{path}")

    def commit(self, files: Mapping[str, str], message: str = "Change") -> str:
        """Commits files (path → text) on the branch, leaving any work tree alone, and returns the commit."""
        index = self.git("rev-parse", "--absolute-git-dir") + "/index.test"
        old = self.tip()
        if old:
            self.git("read-tree", old, GIT_INDEX_FILE=index)
        for path, text in files.items():
            blob = _hash(self.path, text)
            self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", GIT_INDEX_FILE=index)
        tree = self.git("write-tree", GIT_INDEX_FILE=index)
        Path(index).unlink()
        new = self.git("commit-tree", tree, *(["-p", old] if old else []), "-m", message)
        self.git("update-ref", f"refs/heads/{self.branch}", new, old or "0" * 40)
        return new


def _hash(where: Path, text: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(where), "hash-object", "-w", "--stdin"],
        env={**os.environ, **IDENTITY},
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def make_repo(
    path: Path, commits: int = 1, *, bare: bool = False, branch: str = "main", files: Mapping[str, str] | None = None
) -> Repo:
    """A new repository with `commits` commits: the first holds `files`, each later one adds `notes/<number>.txt`.

    One that is not bare has its branch checked out.
    """
    path.mkdir(parents=True, exist_ok=True)
    git(path, "init", "--quiet", f"--initial-branch={branch}", *(["--bare"] if bare else []))
    repo = Repo(path, branch, ())
    made = []
    for number in range(commits):
        first = files or {"README.md": "# A repository for tests\n"}
        made.append(repo.commit(first if number == 0 else {f"notes/{number}.txt": f"{number}\n"}, f"Commit {number}"))
    if made and not bare:
        git(path, "reset", "--quiet", "--hard", branch)
    return Repo(path, branch, tuple(made))
