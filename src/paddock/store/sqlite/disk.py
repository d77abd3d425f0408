"""Commits are brought to disk beside the writer, which goes on meanwhile; nothing is handed out before."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

from paddock.store.engine import StoreUnavailable
from paddock.store.threads import Done, groups

HandOut = Callable[[list[Done]], None]
_Waiting = tuple[int, list[Done]]


class Disk:
    """Holds results back until the log holds on disk what they rest on.

    Commits have numbers. The writer says which one it begins before it begins it, so whoever reads something knows a
    number that what it saw cannot exceed. A sync that fails leaves unknown what is on disk, and nothing can repair
    that but opening the store anew: from then on everything is refused.
    """

    def __init__(self, log: Path, hand_out: HandOut, sync: Callable[[int], None]) -> None:
        self._log = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
        self._hand_out = hand_out
        self._sync = sync
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._begun = self._written = self._safe = 0
        self.broken = ""

    @contextlib.contextmanager
    def commit(self) -> Iterator[None]:
        """Around the writer's commit, which calls `wrote` where there was something to write."""
        self._begun = self._written + 1
        try:
            yield
        finally:
            self._begun = self._written

    def wrote(self) -> None:
        """The commit is in the log, if not on disk."""
        self._written = self._begun

    def release(self, done: list[Done], *, at_once: bool) -> None:
        """Hands the results out once all that was begun until now is on disk; `at_once` brings it there itself."""
        needs = self._begun
        if needs <= self._safe and not self.broken:
            self._hand_out(done)
        elif at_once and not self._lock.locked():
            self._bring(needs, done)
        else:
            self._waiting.put((needs, done))

    def serve(self, ends: int) -> None:
        """The thread's work: one sync for all that wait. It is over when so many have called `end`."""
        for group in groups(self._waiting, ends):
            needs = max(number for number, _ in group)
            self._bring(needs, [one for _, done in group for one in done])
        os.close(self._log)

    def end(self) -> None:
        """One of those who give results has none any more."""
        self._waiting.put(None)

    def _bring(self, needs: int, done: list[Done]) -> None:
        with self._lock:
            if needs > self._safe and not self.broken:
                written = self._written
                try:
                    self._sync(self._log)
                    self._safe = written
                except OSError as error:
                    self.broken = f"the store's log cannot be brought to disk: {error.strerror}"
        self._hand_out([(future, None, self.refusal()) for future, _, _ in done] if self.broken else done)

    def refusal(self) -> StoreUnavailable:
        """What everybody is told once a sync has failed."""
        return StoreUnavailable(self.broken, hint="mend the disk, then start the control plane again")
