"""When things happen again: backoff, beat intervals, and whether fanning out pays."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST_REST_MS, LONGEST_REST_MS = 30_000, 480_000
# Who rests beats once in so many intervals.
REST_BEATS = 8


def backoff(attempt: int, chance: float, *, base_ms: int = 1_000, cap_ms: int = 300_000) -> int:
    """Milliseconds to wait before try `attempt + 1`: full jitter, uniform in [0, min(cap, base·2^(attempt-1))].

    `chance` in [0, 1) is the caller's dice. Full jitter spreads retries best for the least total work
    (M. Brooker, "Exponential Backoff And Jitter", 2015).
    """
    ceiling = min(cap_ms, base_ms << max(0, min(attempt, 32) - 1))
    return int(ceiling * chance)


def beat_interval(agents: int, asked_ms: int, *, per_second: int = 2_000) -> int:
    """Milliseconds between an agent's beats: what was asked for, stretched when the fleet would exceed `per_second`."""
    return max(asked_ms, agents * 1_000 // per_second)


def resting(interval_ms: int) -> int:
    """Milliseconds between the beats of an agent that has nothing to do and hears at once when there is something.

    Who asked for beats more often than every half a minute wants just these.
    """
    if interval_ms < SHORTEST_REST_MS:
        return interval_ms
    return max(interval_ms, min(REST_BEATS * interval_ms, LONGEST_REST_MS))


def jittered(interval_ms: int, chance: float) -> int:
    """The interval with a tenth of itself spread around it, so that a fleet that started together drifts apart."""
    return int(interval_ms * (0.95 + chance / 10))


def spread(interval_ms: int, chance: float) -> int:
    """The wait after a first beat: anywhere in an interval, so that agents that start at once do not beat at once."""
    return int(interval_ms * (0.1 + 0.9 * chance))


def makespan(seconds: Sequence[float], slots: int) -> float:
    """How long `slots` workers take for these jobs, longest first (Graham's LPT rule; at most 4/3 of the best)."""
    if slots < 1:
        return float(sum(seconds))
    ends = [0.0] * min(slots, max(1, len(seconds)))
    for length in sorted(seconds, reverse=True):
        heapq.heapreplace(ends, ends[0] + length)
    return max(ends)


@dataclass(frozen=True)
class FanOut:
    """The sum behind the advice. All times in seconds."""

    jobs: int
    slots: int
    total_seconds: float
    makespan_seconds: float
    spawn_seconds: float

    @property
    def saving_seconds(self) -> float:
        """What running side by side saves before the cost of spawning is paid."""
        return self.total_seconds - self.makespan_seconds

    @property
    def fan_out(self) -> bool:
        """Whether it pays: Σt - makespan(k) > spawn cost."""
        return self.saving_seconds > self.spawn_seconds


def fan_out(seconds: Sequence[float], slots: int, spawn_seconds: float) -> FanOut:
    """The fan-out rule for jobs of these lengths on `slots` workers, when spawning them costs `spawn_seconds`."""
    used = max(1, min(slots, len(seconds)))
    return FanOut(len(seconds), used, float(sum(seconds)), makespan(seconds, used), spawn_seconds)
