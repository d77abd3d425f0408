"""A run's way to the hosts of its effective scope, or none."""

import asyncio
import contextlib
from collections.abc import Iterator

from paddock.runners.base import Run
from paddock.runners.lending import upstreams
from paddock.sandbox.egress import Egress, Rules

LOST = "egress_lost"


@contextlib.contextmanager
def way_out(job: Run, *, contained: bool) -> Iterator[Egress | None]:
    """The proxy of a run that may reach hosts; its lines go into the job's log, and its failure ends the run.

    A run without a box has the host's network, and no proxy to go through.
    """
    lent = upstreams(job)
    if job.fence.narrowed:
        job.facts["narrowed"] = list(job.fence.narrowed)
        text = f"paddock: egress: {', '.join(job.fence.narrowed)} left out, because it reads what outsiders wrote\n"
        job.log.write(text.encode())
    if not (job.fence.hosts or lent) or not contained:
        yield None
        return
    loop = asyncio.get_running_loop()
    rules = Rules(job.fence.hosts, job.fence.private, job.fence.limits.egress_mib << 20)

    def say(line: str) -> None:
        loop.call_soon_threadsafe(job.log.write, f"{line}\n".encode())

    def fail() -> None:
        loop.call_soon_threadsafe(job.stop.order, LOST)

    with Egress(rules, say, fail, upstreams=lent) as egress:
        yield egress
        job.facts["egress"] = {
            "allowed": egress.tally.allowed,
            "refused": egress.tally.refused,
            "sent": egress.tally.sent,
            "received": egress.tally.received,
        }
