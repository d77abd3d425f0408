"""`noop`: proves the way a job takes."""

import time

from paddock.runners.base import Run, outcome
from paddock.wire.messages import Outcome


async def run(job: Run) -> Outcome:
    """Does nothing; tells when it began, in microseconds."""
    job.began()
    return outcome(job, "done", result={"began_us": time.time_ns() // 1_000})
