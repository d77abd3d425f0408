"""The transition tables: total, closed, and the only way to move."""

import itertools

import pytest

from paddock.core.errors import Conflict
from paddock.core.states import CHANGE, CLAIMABLE, FINAL, JOB, OPEN_CHANGES, RETRIABLE, ChangeState, JobState, move


def test_the_tables_name_every_state_and_lead_to_known_ones() -> None:
    assert set(JOB) == set(JobState) and set(CHANGE) == set(ChangeState)
    assert all(moves <= set(JobState) for moves in JOB.values())
    assert all(moves <= set(ChangeState) for moves in CHANGE.values())


@pytest.mark.parametrize(("old", "new"), list(itertools.product(JobState, JobState)))
def test_no_job_moves_outside_the_table(old: JobState, new: JobState) -> None:
    if new in JOB[old]:
        assert move(JOB, "job j", old, new) is new
    else:
        with pytest.raises(Conflict, match=f"job j is {old} and cannot become {new}"):
            move(JOB, "job j", old, new)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(ChangeState, ChangeState)))
def test_no_change_moves_outside_the_table(old: ChangeState, new: ChangeState) -> None:
    if new in CHANGE[old]:
        assert move(CHANGE, "change c", old, new) is new
    else:
        with pytest.raises(Conflict):
            move(CHANGE, "change c", old, new)


def test_done_is_for_ever_and_every_state_can_end() -> None:
    assert not JOB[JobState.DONE]
    for state in set(JobState) - FINAL:
        assert _reaches(state, JobState.DONE), f"{state} never gets done"
        assert JobState.CANCELLED in JOB[state], f"{state} cannot be cancelled"


def _reaches(start: JobState, goal: JobState) -> bool:
    seen, todo = {start}, [start]
    while todo:
        for following in JOB[todo.pop()] - seen:
            seen.add(following)
            todo.append(following)
    return goal in seen


def test_only_a_claim_leads_into_a_lease_and_closed_changes_stay_closed() -> None:
    assert {state for state in JobState if JobState.LEASED in JOB[state]} == CLAIMABLE
    assert frozenset({JobState.FAILED, JobState.REFUSED, JobState.PARKED, JobState.CANCELLED}) == RETRIABLE
    assert {state for state in ChangeState if CHANGE[state]} == OPEN_CHANGES
