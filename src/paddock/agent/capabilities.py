"""What a host can do, found by looking."""

import platform
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

# Program on the jobs' PATH → capability.
PROGRAMS: Mapping[str, str] = {
    "python3": "python",
    "git": "git",
    "node": "node",
    "npm": "npm",
    "go": "go",
    "cargo": "rust",
    "javac": "java",
    "gcc": "c",
    "make": "make",
    "ruff": "ruff",
    "pytest": "pytest",
    "chromium": "chromium",
    "claude": "claude",
    "codex": "codex",
    "opencode": "opencode",
}


def find(tools: Iterable[Path], extra: Iterable[str]) -> tuple[str, ...]:
    """Programs that jobs will find, operating system, architecture, and what the owner adds."""
    path = ":".join([*(str(tool / "bin") for tool in tools), "/usr/local/bin", "/usr/bin", "/bin"])
    found = {word for program, word in PROGRAMS.items() if shutil.which(program, path=path)}
    return tuple(sorted({*found, platform.system().lower(), platform.machine(), *extra}))
