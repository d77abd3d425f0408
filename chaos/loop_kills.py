"""Who is killed with -9: an agent, the control plane, a run, a git that works for either, each at a random moment."""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

from chaos.words import say
from support.fleet import Fleet, Process

# Kind → how often, out of all.
WEIGHTS = {"agent": 25, "run": 30, "git": 35, "control": 10}
# Seconds in which a short-lived process is looked for.
_LOOK_S = 2.0
AGENTS, SLOTS = 3, 2


class Killer:
    """Kills and starts again; `count` says how often each kind fell."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self._fleet, self._dice = fleet, random.Random(seed)
        self.count: Counter[str] = Counter()

    def strike(self) -> str:
        """Kills something and says what it was; empty when nothing of the kind was there."""
        kind = self._dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        done = {"agent": self._agent, "control": self._control, "run": self._run, "git": self._git}[kind]()
        self.count[kind] += done
        return kind if done else ""

    def _agent(self) -> bool:
        name = self._dice.choice(sorted(self._fleet.agents))
        self._fleet.agents[name].kill()
        self.start(name)
        return True

    def start(self, name: str) -> None:
        """Starts an agent that was there before, without waiting for it."""
        fleet = self._fleet
        words = ["run", "--name", name, "--state", str(fleet.folder / f"agent-{name}"), "--work", str(fleet.work)]
        words += ["--home", str(fleet.home), "--server", fleet.url, "--slots", str(SLOTS), "--drain", "0"]
        fleet.agents[name] = Process(name, words, fleet.folder / f"{name}.log", {})

    def _control(self) -> bool:
        assert self._fleet.control is not None
        self._fleet.control.kill()
        self._fleet.start_control()
        return True

    def _run(self) -> bool:
        return self._one(git=False)

    def _git(self) -> bool:
        return self._one(git=True)

    def _one(self, *, git: bool) -> bool:
        """Kills a process below an agent, as soon as one is there."""
        end = time.monotonic() + _LOOK_S
        while time.monotonic() < end:
            found = [pid for pid in self._below() if _name(pid).startswith("git") is git]
            if found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._dice.choice(found), signal.SIGKILL)
                    return True
        return False

    def _below(self) -> list[int]:
        """Every process that the agents started, or that those started."""
        tree: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                tree.setdefault(_parent(int(entry.name)), []).append(int(entry.name))
        out, rest = [], [process.popen.pid for process in self._fleet.agents.values()]
        while rest:
            mine = tree.get(rest.pop(), [])
            out += mine
            rest += mine
        return out

    def check(self) -> None:
        """Starts again what ended by itself, and says so."""
        for name, process in list(self._fleet.agents.items()):
            if process.popen.poll() is not None:
                say(f"{name} ended by itself with {process.popen.returncode}")
                self.count["ended by itself"] += 1
                self.start(name)


def _stat(pid: int) -> tuple[str, int]:
    """A process's name and its parent; empty and -1 where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return "", -1
    name, _, rest = text.partition("(")[2].rpartition(")")
    return name, int(rest.split()[1])


def _name(pid: int) -> str:
    return _stat(pid)[0]


def _parent(pid: int) -> int:
    return _stat(pid)[1]
