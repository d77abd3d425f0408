"""One process of a peer: what it says, one JSON object a line, and its end."""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

STOP_S = 5.0


class PeerFailed(Exception):
    """A peer did not do its work; the message is the reason."""


class Clock:
    """How long a peer may take in all."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def left(self, what: str) -> float:
        """Seconds that remain. Raises: PeerFailed naming what was waited for."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise PeerFailed(f"{what}: not within {self._seconds:.0f} s")
        return left


class Child:
    """A process in a group of its own, which ends with this one; what it complains of goes to `log`."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> None:
        setpriv = shutil.which("setpriv")
        guard = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
        self._log = log
        with log.open("ab") as out:
            self._popen = subprocess.Popen(
                [*guard, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                env={**os.environ, **environment},
                cwd=log.parent,
                start_new_session=True,
            )
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # Jobs that each of its processes began, when the first did, and microseconds from submit to start.
        self._ran: dict[int, int] = {}
        self.firsts: list[int] = []
        self.late_us: list[int] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            if not line.startswith(b"{"):
                continue  # a library that talks to stdout
            said = json.loads(line)
            if "ran" in said:
                self._ran[said.get("pid", 0)] = said["ran"]
            elif "late" in said:
                self.late_us.append(said["late"])
            elif "first" in said:
                self.firsts.append(said["first"])
            else:
                self._answers.put(said)
        self._answers.put(None)

    @property
    def ran(self) -> int:
        """Jobs that it began to run."""
        return sum(self._ran.values())

    def heard(self, clock: Clock, what: str) -> Any:
        """Its next answer. Raises: PeerFailed with its last words when it ended or was too slow."""
        try:
            said = self._answers.get(timeout=clock.left(what))
        except queue.Empty:
            clock.left(what)
            raise PeerFailed(f"{what}: no answer") from None
        if said is None:
            raise PeerFailed(f"{what}: {self.last_words()}")
        return said

    def ask(self, clock: Clock, **command: object) -> Any:
        """What it answers to a command."""
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(json.dumps(command).encode() + b"\n")
            self._popen.stdin.flush()
        except OSError:
            raise PeerFailed(f"{command['do']}: {self.last_words()}") from None
        return self.heard(clock, str(command["do"]))["answer"]

    def alive(self) -> None:
        """Raises: PeerFailed with its last words when it ended."""
        if self._popen.poll() is not None:
            raise PeerFailed(f"a worker ended: {self.last_words()}")

    def last_words(self) -> str:
        """The last line that names an error, else the last line."""
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        lines = [line for line in lines if "rror" in line] or lines
        return lines[-1][:200] if lines else f"ended with code {self._popen.poll()}"

    def done(self, clock: Clock, what: str) -> None:
        """Waits for its end. Raises: PeerFailed when it is not a good one."""
        while self.heard_end(clock, what) is not None:
            pass
        if self._popen.wait():
            raise PeerFailed(f"{what}: {self.last_words()}")

    def heard_end(self, clock: Clock, what: str) -> Any:
        """Its next answer, or None at its end."""
        try:
            return self._answers.get(timeout=clock.left(what))
        except queue.Empty:
            return clock.left(what)

    def pids(self) -> list[int]:
        """Every process of its group."""
        return group(self._popen.pid)

    def stop(self) -> None:
        """Ends the whole group, in order if it goes quickly."""
        for number, patience in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, STOP_S)):
            try:
                os.killpg(self._popen.pid, number)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + patience
            while group(self._popen.pid) and time.monotonic() < deadline:
                self._popen.poll()
                time.sleep(0.02)
        self._popen.wait()
        self._listener.join(STOP_S)
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None and not self._listener.is_alive():
                with contextlib.suppress(BrokenPipeError):  # what it did not read
                    pipe.close()


def group(leader: int) -> list[int]:
    """The processes of a group that still run."""
    return [pid for pid, fields in _processes() if int(fields[2]) == leader and fields[0] != "Z"]


def cpu_seconds() -> float:
    """Processor time of this process and of all that it started, servers included, whether they still run or not."""
    found = dict(_processes())
    parents = {pid: int(fields[1]) for pid, fields in found.items()}
    used = 0
    for pid, fields in found.items():
        above = pid
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid():
            # Its own, and that of its children that ended: user and system each.
            used += sum(map(int, fields[11:15]))
    return used / os.sysconf("SC_CLK_TCK")


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Each process, with what its `stat` says from the state on."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(entry.name), (entry / "stat").read_text().rsplit(")", 1)[1].split()
