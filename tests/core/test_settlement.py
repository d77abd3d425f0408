"""What becomes of a job when an attempt ends: the whole table."""

import itertools

import pytest

from paddock.core.settlement import LASTING_FAILURES, MAX_GRANTS, MAX_LOSSES, PASSING_REFUSALS, Standing, settle
from paddock.core.states import JOB, AttemptState, JobState

ENDS = [state for state in AttemptState if state is not AttemptState.LIVE]


def standing(**more: int | bool) -> Standing:
    facts = {"attempt": 1, "max_attempts": 3, "losses": 0, "cancelling": False} | more
    return Standing(**facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ended", "change", "cancelling", "losses"), list(itertools.product(ENDS, (False, True), (False, True), (0, 9)))
)
def test_every_ending_leads_where_the_transition_table_allows(
    ended: AttemptState, change: bool, cancelling: bool, losses: int
) -> None:
    for code in ("", "exit_code", *PASSING_REFUSALS, *LASTING_FAILURES):
        fate = settle(ended, code, change, standing(cancelling=cancelling, losses=losses), 0.5)
        assert fate.state in JOB[JobState.LEASED]


@pytest.mark.parametrize(
    ("ended", "code", "job", "state", "refund"),
    [
        (AttemptState.DONE, "", standing(), JobState.DONE, False),
        (AttemptState.RETURNED, "shutdown", standing(attempt=3), JobState.READY, True),
        (AttemptState.LOST, "lease_expired", standing(attempt=3), JobState.READY, True),
        (AttemptState.LOST, "lease_expired", standing(losses=MAX_LOSSES - 1), JobState.PARKED, True),
        (AttemptState.REFUSED, "bad_signature", standing(), JobState.REFUSED, False),
        (AttemptState.REFUSED, "over_capacity", standing(), JobState.READY, True),
        (AttemptState.FAILED, "exit_code", standing(attempt=2), JobState.READY, False),
        (AttemptState.FAILED, "exit_code", standing(attempt=3), JobState.FAILED, False),
        (AttemptState.FAILED, "scope_violation", standing(), JobState.FAILED, False),
        (AttemptState.CANCELLED, "cancel", standing(), JobState.CANCELLED, False),
        (AttemptState.RETURNED, "shutdown", standing(cancelling=True), JobState.CANCELLED, False),
        (AttemptState.FAILED, "exit_code", standing(cancelling=True), JobState.CANCELLED, False),
    ],
)
def test_the_table(ended: AttemptState, code: str, job: Standing, state: JobState, refund: bool) -> None:
    fate = settle(ended, code, False, job, 0.5)
    assert (fate.state, fate.refund) == (state, refund)


def test_a_change_goes_to_review() -> None:
    assert settle(AttemptState.DONE, "", True, standing(), 0.0).state is JobState.IN_REVIEW


def test_only_a_failure_waits_and_waits_longer_each_time() -> None:
    waits = [
        settle(AttemptState.FAILED, "exit_code", False, standing(attempt=n, max_attempts=9), 0.99) for n in (1, 2, 3)
    ]
    assert waits[0].not_before_ms < waits[1].not_before_ms < waits[2].not_before_ms
    assert settle(AttemptState.LOST, "", False, standing(), 0.99).not_before_ms == 0


def test_a_job_that_gets_on_is_not_given_up_because_its_agents_die() -> None:
    for grants, state in ((5, JobState.READY), (MAX_GRANTS - 1, JobState.READY), (MAX_GRANTS, JobState.PARKED)):
        job = standing(losses=MAX_LOSSES - 1, grants=grants, progressed=True)
        fate = settle(AttemptState.LOST, "lease_expired", False, job, 0.5)
        assert (fate.state, fate.lost) == (state, state is JobState.PARKED)


def test_losses_are_counted_apart_from_failures() -> None:
    assert settle(AttemptState.LOST, "", False, standing(), 0).lost
    assert not settle(AttemptState.FAILED, "exit_code", False, standing(), 0).lost
