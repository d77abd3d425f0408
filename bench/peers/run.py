"""One round of one peer: a flood with its workers beside it, jobs one at a time, a flood without workers, its drain."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.peers.environments import runtime, script
from bench.peers.figures import PAD, Figures, Sizes
from bench.peers.process import Child, Clock, PeerFailed, cpu_seconds
from bench.peers.table import Peer
from bench.proc import memory_mb

POLL_S = 0.002


class Session:
    """A peer's processes in one round; all of them are ended on the way out."""

    def __init__(self, peer: Peer, url: str, folder: Path, clock: Clock) -> None:
        self._peer = peer
        self._folder = folder
        self._clock = clock
        self._command = [runtime(peer.home), script(peer.home, peer.script)]
        given = json.dumps({"url": url, "options": peer.options, "pad": PAD})
        self._environment = {"PEER": given, "NODE_PATH": "", "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
        self._outcomes = 0
        self._children: list[Child] = []

    def start(self, role: str) -> Child:
        """A process of the peer in a role: setup, load or work."""
        log = self._folder / f"{role}-{len(self._children)}.log"
        child = Child([*self._command, role], self._environment, log)
        self._children.append(child)
        return child

    def set_up(self) -> Child:
        """Makes what both sides need, and the process that submits."""
        self.start("setup").done(self._clock, "set-up")
        load = self.start("load")
        load.heard(self._clock, "connecting")
        return load

    def start_workers(self) -> list[Child]:
        """The peer's workers, once each said that it is ready."""
        workers = [self.start("work") for _ in range(self._peer.workers)]
        for worker in workers:
            worker.heard(self._clock, "starting a worker")
        return workers

    def flood(self, load: Child, workers: Sequence[Child], jobs: int) -> tuple[int, int, int]:
        """Microseconds when the first job was submitted, when the last was, and when the last outcome was there."""
        ran = sum(worker.ran for worker in workers)
        told = load.ask(self._clock, do="flood", jobs=jobs)
        return told["began"], told["ended"], self.finish(load, workers, ran, jobs) if workers else 0

    def finish(self, load: Child, workers: Sequence[Child], ran: int, jobs: int) -> int:
        """Waits until workers that ran so many ran `jobs` more, then for the outcomes; microseconds of the last."""
        while sum(worker.ran for worker in workers) - ran < jobs:
            self._clock.left("running the jobs")
            for worker in workers:
                worker.alive()
            time.sleep(POLL_S)
        self._outcomes += jobs
        return int(load.ask(self._clock, do="wait", outcomes=self._outcomes)["ended"])

    def pace(self, load: Child, workers: Sequence[Child], sizes: Sizes) -> list[float]:
        """Milliseconds from submit to start of jobs that come one at a time."""
        ran = sum(worker.ran for worker in workers)
        load.ask(self._clock, do="pace", jobs=sizes.paced, per_s=sizes.per_s)
        self.finish(load, workers, ran, sizes.paced)
        return [late / 1e3 for worker in workers for late in worker.late_us]

    def stop(self, children: Sequence[Child]) -> None:
        """Ends some of the processes."""
        for child in children:
            child.stop()

    def close(self) -> None:
        """Ends all that still run."""
        self.stop(self._children)


@contextmanager
def _session(peer: Peer, url: str, folder: Path, seconds: float) -> Iterator[Session]:
    session = Session(peer, url, folder, Clock(seconds))
    try:
        yield session
    finally:
        session.close()


def measure(peer: Peer, url: str, folder: Path, sizes: Sizes) -> Figures:
    """A whole round. Raises: PeerFailed, and CannotInstall when it is not to be had here."""
    jobs = min(sizes.jobs, peer.jobs)
    runtime(peer.home)  # not on the peer's time
    with _session(peer, url, folder, sizes.longest_s) as session:
        load = session.set_up()
        workers = session.start_workers()
        session.flood(load, workers, sizes.warm)
        used = cpu_seconds()
        began, _, ended = session.flood(load, workers, jobs)
        used = cpu_seconds() - used
        late = session.pace(load, workers, sizes)
        rss = max(memory_mb(pid)["rss_mb"] for worker in workers for pid in worker.pids())
        session.stop(workers)
        first, last, _ = session.flood(load, [], jobs)
        workers = session.start_workers()
        drained = session.finish(load, workers, 0, jobs)
        started = min(first for worker in workers for first in worker.firsts)
    if drained <= started or ended <= began:
        raise PeerFailed("its clock runs backwards")
    return Figures(
        jobs=jobs,
        end_to_end=jobs / (ended - began) * 1e6,
        enqueue=jobs / (last - first) * 1e6,
        drain=jobs / (drained - started) * 1e6,
        late_ms=late,
        rss_mb=rss,
        cpu_us=used / jobs * 1e6,
    )
