"""What a change adds, read from the host's cache: its files, its added lines, and lines of a commit."""

import re
from collections.abc import Iterator
from functools import lru_cache

from paddock.workspace import FileChange, RepoCache, changes
from paddock.workspace.git import run

MOST_BYTES = 16 << 20
_HUNK = re.compile(r"@@ -\S+ \+(\d+)")
_OPTIONS = ("diff-tree", "-r", "-p", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-commit-id")


def changed(cache: RepoCache, base: str, head: str) -> list[FileChange]:
    """Every path that differs."""
    return changes(cache.git, base, head)


def added_lines(cache: RepoCache, base: str, head: str) -> Iterator[tuple[str, int, str]]:
    """Each added line: path, number from 1, text. What lies beyond 16 MiB of patch is not told."""
    done = run(*_OPTIONS, "--no-renames", base, head, "--", git_dir=cache.git, limit=MOST_BYTES)
    path, number = "", 0
    for line in done.out.decode(errors="replace").split("\n"):
        hunk = _HUNK.match(line)
        if line.startswith("diff --git "):
            path, number = "", 0
        elif line.startswith("+++ ") and not number:
            path = line.removeprefix("+++ ").removeprefix("b/").rstrip("\t")
        elif hunk:
            number = int(hunk[1])
        elif line.startswith("+") and path and number:
            yield path, number, line[1:]
            number += 1


def line_at(cache: RepoCache, commit: str, path: str, number: int) -> str:
    """The text of a line; empty where there is none."""
    lines = _lines(str(cache.git), commit, path)
    return lines[number - 1] if 0 < number <= len(lines) else ""


@lru_cache(64)
def _lines(git_dir: str, commit: str, path: str) -> tuple[str, ...]:
    done = run("cat-file", "blob", f"{commit}:{path}", cwd=None, env={"GIT_DIR": git_dir}, limit=4 << 20)
    return tuple(done.out.decode(errors="replace").split("\n")) if done.code == 0 else ()
