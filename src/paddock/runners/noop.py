"""`noop`: proves the way a job takes."""

import time

from paddock.wire.messages import JobOrder, Outcome


def run(order: JobOrder) -> Outcome:
    """Does nothing; tells when it began, in microseconds."""
    now = time.time_ns()
    result = {"began_us": now // 1_000}
    return Outcome(job=order.job, epoch=order.epoch, status="done", started=now // 1_000_000, result=result)
