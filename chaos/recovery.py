"""How long it takes until all is well again, seen from outside: every replica is given a job and the job is done."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from chaos.faults import Fault
from chaos.fleet import PROJECT, Fleet
from chaos.words import Trouble
from paddock.client import ClientError

# Seconds after which something that has not come back never will.
LONGEST_S = 120.0
_EVERY_S = 0.05


@dataclass(frozen=True)
class Recovery:
    """A fault and what came after; `began` and `healed` are epoch seconds, the others seconds since it was healed."""

    fault: Fault
    began: float
    healed: float
    # Until every replica had answered and a job that it was given after that was done.
    works: float
    # Until all replicas heard of each other again, agents had beaten included.
    whole: float


class Probe:
    """Sends jobs of its own; `sent` are the names of those that were taken."""

    def __init__(self, fleet: Fleet, wait: Callable[[float], None], tell: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._wait = wait
        self._tell = tell
        self._count = 0
        self.sent: list[str] = []

    def watch(self, fault: Fault, began: float, healed: float) -> Recovery:
        """Returns once all is well. Raises: Trouble after LONGEST_S."""
        self.through_each()
        works = time.time() - healed
        self._until(self._fleet.all_online, "every agent is online")
        self._until(self._joined, "all replicas hear of each other")
        return Recovery(fault, began, healed, works, time.time() - healed)

    def through_each(self) -> None:
        """Has every replica take a job and sees each of them done. Raises: Trouble after LONGEST_S."""
        waiting = list(range(len(self._fleet.replicas)))
        self._until(lambda: self._given(waiting), "every replica takes a job")
        waiting_for = self.sent[-len(self._fleet.replicas) :]
        self._until(lambda: self._done(waiting_for), "jobs given to every replica are done")

    def _given(self, waiting: list[int]) -> bool:
        """Gives a job to each of these that takes one; whether none is left."""
        for number in list(waiting):
            # A name of its own for each try: one whose answer was lost is none of those that are waited for.
            self._count += 1
            name = f"p{self._count}"
            # Ahead of what has piled up meanwhile: how long that takes is a question of how much there is.
            job = {"id": name, "kind": "noop", "payload": {}, "labels": ["probe"], "priority": 10}
            body = {"project": PROJECT, "jobs": [job]}
            try:
                self._fleet.ask(number, timeout=2.0, patience=0.0).post("/v1/jobs", body)
            except ClientError:
                continue
            self.sent.append(name)
            waiting.remove(number)
        if waiting:
            self._tell(f"waiting until replica {', '.join(str(number + 1) for number in waiting)} takes a job")
        return not waiting

    def _joined(self) -> bool:
        apart = self._fleet.apart()
        if apart:
            self._tell(f"waiting until all replicas hear of each other ({apart})")
        return not apart

    def _done(self, waiting: list[str]) -> bool:
        for name in list(waiting):
            try:
                if self._fleet.ask(timeout=2.0, patience=0.0).get(f"/v1/jobs/{name}")["state"] != "done":
                    return False
            except ClientError:
                return False
            waiting.remove(name)
        return True

    def _until(self, ready: Callable[[], bool], what: str) -> None:
        self._tell(f"waiting until {what}")
        deadline = time.monotonic() + LONGEST_S
        while not ready():
            self._fleet.check()
            if time.monotonic() > deadline:
                raise Trouble(f"not within {LONGEST_S:.0f} s: {what}")
            self._wait(_EVERY_S)
