"""The live status tree: each loop says in words what it does; `paddock status` shows it."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import msgspec

_SOON_S = 0.2


class Status:
    """Facts and words, written to `status.json` when they change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._timer: asyncio.TimerHandle | None = None
        self._loops: dict[str, dict[str, Any]] = {}
        self._jobs: dict[tuple[str, int], dict[str, Any]] = {}
        self._facts: dict[str, Any] = {"pid": os.getpid(), "started": _now()}

    def fact(self, **facts: Any) -> None:
        """Sets facts about the agent."""
        self._facts.update(facts)

    def say(self, loop: str, words: str) -> None:
        """Says what a loop does now."""
        if self._loops.get(loop, {}).get("state") != words:
            self._loops[loop] = {"state": words, "since": _now()}

    def job(self, job: str, epoch: int, kind: str, words: str) -> None:
        """Says what a run does now."""
        self._jobs[job, epoch] = {"job": job, "epoch": epoch, "kind": kind, "state": words, "since": _now()}
        self.soon()

    def done(self, job: str, epoch: int) -> None:
        """Forgets a run."""
        self._jobs.pop((job, epoch), None)
        self.soon()

    def soon(self) -> None:
        """Writes the tree within a moment, so that nothing waits for it and a burst of changes is one write."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SOON_S, self.write)

    def write(self) -> None:
        """Writes the tree. Losing it loses nothing, so it is not flushed to disk."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        tree = {**self._facts, "loops": self._loops, "jobs": list(self._jobs.values()), "written": _now()}
        part = self._path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(tree))
        part.rename(self._path)


def _now() -> int:
    return time.time_ns() // 1_000_000
