"""A steady load that knows what became of every job it asked for.

A submission whose answer was lost is in doubt: it may have been taken. It is settled once every replica has taken and
finished a job that was sent after the doubt arose, for then nothing of it can still be under way: the load looks for
it by name and sends it again, with the same unique keys, only when it is not there.
"""

import itertools
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from chaos import effects
from chaos.asking import Ask
from chaos.fleet import PROJECT
from paddock.client import ClientError, NotFound

# Seconds between two batches, and batches under way above which one is held back: a load that waits loads nothing.
EVERY_S, MOST = 0.25, 24
# Every so many batches have a job with effects.
EFFECT_EVERY = 8


@dataclass
class Batch:
    """Jobs that are sent together; `name` is that of the first, and no other batch's."""

    jobs: list[dict[str, Any]]

    @property
    def name(self) -> str:
        return str(self.jobs[0]["id"])


@dataclass
class Tally:
    """Names of jobs that were asked for, and the ids of those that the control plane has taken."""

    offered: list[str] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)
    # The labels that any job has; all jobs with one of them are few enough for one answer.
    labels: set[str] = field(default_factory=set)
    # Batches whose answer was lost; of these, those that had been taken all the same, and those sent again.
    doubts: int = 0
    there: int = 0
    again: int = 0
    # Batches that were not sent because too many were under way.
    held_back: int = 0


class Load:
    """Used as a context: it loads until `stop`."""

    def __init__(self, ask: Ask, per_s: float) -> None:
        self.tally = Tally()
        self._ask = ask
        self._size = max(1, round(per_s * EVERY_S))
        self._pool = ThreadPoolExecutor(MOST, thread_name_prefix="load")
        self._lock = threading.Lock()
        self._doubts: list[Batch] = []
        self._settling: deque[Batch] = deque()
        self._under_way = 0
        self._stopped = threading.Event()
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._offer, self._settle)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._closed.set()
        for thread in self._threads:
            thread.join()
        self._pool.shutdown()

    def stop(self) -> None:
        """Offers nothing more; what is in doubt is still settled."""
        self._stopped.set()

    def doubts(self) -> list[Batch]:
        """What is in doubt now and nobody looks for yet."""
        with self._lock:
            return list(self._doubts)

    def settle(self, found: Sequence[Batch]) -> None:
        """Looks for these. Nothing of them may be under way any more."""
        with self._lock:
            self._doubts = [batch for batch in self._doubts if batch not in found]
            self._settling.extend(found)

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way or being settled."""
        with self._lock:
            return not (self._under_way or self._settling)

    def _offer(self) -> None:
        due = time.monotonic()
        for number in itertools.count():
            if self._stopped.wait(max(0.0, due - time.monotonic())):
                return
            due += EVERY_S
            batch = _batch(number, self._size)
            with self._lock:
                if self._under_way >= MOST:
                    self.tally.held_back += 1
                    continue
                self.tally.offered += [job["id"] for job in batch.jobs]
                self.tally.labels.add(label_of(number))
                self._under_way += 1
            self._pool.submit(self._send, batch)

    def _send(self, batch: Batch) -> None:
        try:
            made = self._ask.post("/v1/jobs", {"project": PROJECT, "jobs": batch.jobs})["jobs"]
        except ClientError:
            made = []
        with self._lock:
            self._under_way -= 1
            self.tally.taken |= {job["name"]: job["id"] for job in made}
            if not made:
                self.tally.doubts += 1
                self._doubts.append(batch)

    def _settle(self) -> None:
        while not self._closed.wait(EVERY_S / 4):
            with self._lock:
                batch = self._settling[0] if self._settling else None
            if batch is not None and self._look_for(batch):
                with self._lock:
                    self._settling.popleft()

    def _look_for(self, batch: Batch) -> bool:
        """Whether it is settled: found, or sent again."""
        try:
            of = self._ask.get(f"/v1/jobs/{batch.name}")["batch"]
            found = self._ask.get("/v1/jobs", batch=of, limit=1_000)
        except NotFound:
            with self._lock:
                self.tally.again += 1
                self._under_way += 1
            self._pool.submit(self._send, batch)
            return True
        except ClientError:
            return False
        with self._lock:
            self.tally.there += 1
            self.tally.taken |= {job["name"]: job["id"] for job in found}
        return True


def label_of(number: int) -> str:
    """The label of a batch's jobs: the minute in which it is due."""
    return f"minute-{int(number * EVERY_S // 60)}"


def _batch(number: int, size: int) -> Batch:
    jobs = [effects.job(f"e{number}")] if number % EFFECT_EVERY == 0 else []
    jobs += [{"id": f"n{number}-{at}", "kind": "noop", "payload": {}} for at in range(size - len(jobs))]
    return Batch([{**job, "unique": job["id"], "labels": [label_of(number)]} for job in jobs])
