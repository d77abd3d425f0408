"""The command line as a user types it: real processes, each with a home of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PADDOCK = [sys.executable, "-m", "paddock.cli.main"]
PATIENCE = 120.0


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed as JSON."""
        return json.loads(self.out)


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment without any PADDOCK_ variable but the home and those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PADDOCK_")}
    return {**kept, "PADDOCK_HOME": str(home), "NO_COLOR": "1", **more}


def paddock(home: Path, *words: str, stdin: str = "", **env: str) -> Said:
    """One command, run to its end."""
    done = subprocess.run(
        [*PADDOCK, *words],
        input=stdin,
        env=environment(home, **env),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=home,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@dataclass
class Running:
    """A command that goes on; `lines` are read from its stdout."""

    process: "subprocess.Popen[str]"

    def until(self, words: str) -> str:
        """The next line that holds `words`; fails when the command ends before."""
        assert self.process.stdout is not None
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if words in line:
                return line
        raise AssertionError(f"ended without saying {words!r}: {''.join(seen)}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and returns the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


@contextmanager
def running(home: Path, *words: str, **env: str) -> Iterator[Running]:
    """A command in the background, stopped when the context is left."""
    process = subprocess.Popen(
        [*PADDOCK, *words],
        env=environment(home, **env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=home,
    )
    try:
        yield Running(process)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=PATIENCE)


def processes_of(home: Path) -> list[str]:
    """The command lines of living processes that name this home."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(home) in words:
            found.append(words)
    return found
