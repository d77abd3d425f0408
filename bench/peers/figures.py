"""What a round found, and how rounds become a row."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.report import quantile

# The length of a payload as JSON, in bytes; what is not filler says when the job was submitted.
PAYLOAD_BYTES = 300
PAD = "x" * (PAYLOAD_BYTES - len('{"at":12345678901,"pad":""}'))


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much a run does: jobs in a flood at most, jobs one at a time, at how many a second."""

    jobs: int = 20_000
    warm: int = 40
    paced: int = 150
    per_s: int = 50
    # Seconds a peer may take in one round, whatever it does.
    longest_s: float = 120.0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One round of one peer: jobs a second, milliseconds, MB of 2^20 bytes, microseconds of processor time a job.

    The last is of all processes, servers included, from the first enqueue to the last outcome; it hardly depends on
    what else the machine does.
    """

    jobs: int
    end_to_end: float
    enqueue: float
    drain: float
    late_ms: Sequence[float]
    rss_mb: float
    cpu_us: float


def median(rounds: Sequence[Figures]) -> dict[str, float]:
    """The figures of a row."""

    def of(value: Callable[[Figures], float]) -> float:
        return statistics.median([value(found) for found in rounds])

    return {
        "jobs": rounds[-1].jobs,
        "end_to_end": round(of(lambda found: found.end_to_end)),
        "enqueue": round(of(lambda found: found.enqueue)),
        "drain": round(of(lambda found: found.drain)),
        "p50": round(of(lambda found: quantile(found.late_ms, 0.5)), 2),
        "p99": round(of(lambda found: quantile(found.late_ms, 0.99)), 2),
        "cpu_us": round(of(lambda found: found.cpu_us)),
        "rss_mb": round(of(lambda found: found.rss_mb), 1),
    }
