"""What becomes of a job when an attempt ends: one pure rule, used wherever an attempt can end."""

from dataclasses import dataclass

from paddock.core import schedule
from paddock.core.states import AttemptState, JobState

MAX_LOSSES = 3
# A lost attempt that got on with its job, as what it wrote to the job's state shows, is no reason to give up; but
# even a job that gets on is shown to a person once it was granted so often.
MAX_GRANTS = 30

# The code of a run that a limit of its model's provider stopped; it is nobody's fault and uses up no try, but a job
# that was stopped so often is shown to a person. How long such a wait is when the provider does not say, and at most.
RATE_LIMITED = "rate_limited"
OVER_BUDGET = "over_budget"
MAX_WAITS = 12
LIMIT_MS = 60_000
MOST_WAIT_MS = 8 * 86_400_000

# Refusals that blame the moment and not the job: it goes back and uses up no try.
PASSING_REFUSALS = frozenset(
    {"over_capacity", "not_capable", "draining", "quarantined", "policy_quiet_hours", "own_work"}
    | {"not_licensed", "GRACE_EXHAUSTED"}
)
# Failures that no further try can mend.
LASTING_FAILURES = frozenset(
    {"scope_violation", "secret_seen", "bad_payload", "no_such_commit", "conflict", "red", "outcome_too_large"}
)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the rule must know of the job."""

    attempt: int  # tries used, this one included
    max_attempts: int
    losses: int  # attempts lost before this one ended
    cancelling: bool
    grants: int = 1  # how often the job was granted: its epoch
    progressed: bool = False  # whether this attempt wrote to the job's state
    waits: int = 0  # how often a limit of a model's provider stopped it before
    reset_ms: int = 0  # when such a limit is over, from now; what lies behind says nothing


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """The job's next state; `not_before_ms` is a delay from now; `refund` gives the try back."""

    state: JobState
    reason: str = ""
    not_before_ms: int = 0
    refund: bool = False
    lost: bool = False
    waited: bool = False


def settle(ended: AttemptState, code: str, has_change: bool, job: Standing, chance: float) -> Settlement:
    """The fate of the job after an attempt ended so. `chance` in [0, 1) is the dice for the backoff."""
    if ended is AttemptState.DONE and not has_change:
        return Settlement(state=JobState.DONE)
    if ended is AttemptState.DONE and not job.cancelling:
        return Settlement(state=JobState.IN_REVIEW)
    if ended is AttemptState.CANCELLED or job.cancelling:
        return Settlement(state=JobState.CANCELLED, reason="cancelled", lost=ended is AttemptState.LOST)
    if ended is AttemptState.RETURNED and code == RATE_LIMITED:
        return _limited(job, chance)
    if ended is AttemptState.RETURNED:
        return Settlement(state=JobState.READY, refund=True, reason=code)
    if ended is AttemptState.REFUSED and code in PASSING_REFUSALS:
        # A moment's pause, or an agent that refuses for ever would be asked for ever.
        wait = 0 if code == "draining" else schedule.backoff(1, chance, base_ms=1_000)
        return Settlement(state=JobState.READY, refund=True, reason=code, not_before_ms=wait)
    if ended is AttemptState.REFUSED:
        return Settlement(state=JobState.REFUSED, reason=code)
    if ended is AttemptState.LOST:
        return _lost(job)
    return _failed(code, job, chance)


def _limited(job: Standing, chance: float) -> Settlement:
    """It goes on by itself when the limit is over, a little later by lot so that not all come back at once."""
    if job.waits + 1 >= MAX_WAITS:
        return Settlement(state=JobState.PARKED, refund=True, reason=f"{RATE_LIMITED} {job.waits + 1} times")
    wait = LIMIT_MS + schedule.backoff(job.waits + 1, chance, base_ms=LIMIT_MS, cap_ms=60 * LIMIT_MS)
    if job.reset_ms > 0:
        wait = min(job.reset_ms, MOST_WAIT_MS) + round(chance * LIMIT_MS)
    return Settlement(state=JobState.READY, refund=True, reason=RATE_LIMITED, not_before_ms=wait, waited=True)


def _lost(job: Standing) -> Settlement:
    if job.progressed and job.grants < MAX_GRANTS:
        return Settlement(state=JobState.READY, refund=True, reason="its agent was lost")
    if job.losses + 1 >= MAX_LOSSES:
        return Settlement(
            state=JobState.PARKED, lost=True, refund=True, reason=f"its agent was lost {job.losses + 1} times"
        )
    return Settlement(state=JobState.READY, lost=True, refund=True, reason="its agent was lost")


def _failed(code: str, job: Standing, chance: float) -> Settlement:
    if code == OVER_BUDGET:
        return Settlement(state=JobState.PARKED, reason="its budget: a run used more than it might")
    if code in LASTING_FAILURES or job.attempt >= job.max_attempts:
        return Settlement(state=JobState.FAILED, reason=code)
    return Settlement(
        state=JobState.READY, reason=code, not_before_ms=schedule.backoff(job.attempt, chance, base_ms=1_000)
    )
