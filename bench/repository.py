"""A repository of many files, made in seconds."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

FILES_PER_FOLDER = 500
_WORDS = ("alpha", "index", "count", "lease", "agent", "branch", "return", "import", "class", "while", "for", "if")


def git(where: Path, *args: str) -> str:
    """What git prints, away from whatever the machine has configured. Raises: CalledProcessError."""
    env = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(["git", "-C", str(where), *args], env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make(path: Path, files: int, file_bytes: int) -> str:
    """Makes a bare repository with one commit of so many text files, all different; returns the commit."""
    path.mkdir()
    git(path, "init", "--quiet", "--bare", "--initial-branch=main")
    git(path, "config", "core.compression", "1")
    argv = ["git", "-C", str(path), "fast-import", "--quiet", "--depth=0"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for part in _stream(files, file_bytes):
            process.stdin.write(part)
    if process.returncode != 0:
        raise RuntimeError("git fast-import failed")
    return git(path, "rev-parse", "main")


def _stream(files: int, file_bytes: int) -> Iterator[bytes]:
    dice = random.Random(1)
    words = " ".join(dice.choice(_WORDS) for _ in range(2 * file_bytes)).encode()
    yield b"commit refs/heads/main\ncommitter Bench <bench@localhost> 1700000000 +0000\ndata 4\nmade\n"
    for at in range(files):
        start = dice.randrange(file_bytes)
        body = b"%d\n%b\n" % (at, words[start : start + file_bytes])
        folder = at // FILES_PER_FOLDER
        yield b"M 100644 inline d%d/f%d.txt\ndata %d\n%b\n" % (folder, at % FILES_PER_FOLDER, len(body), body)
