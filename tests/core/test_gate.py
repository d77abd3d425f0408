"""The merge gate, what counts as green, and what system jobs' outcomes do to their change."""

from typing import Any

import pytest

from paddock.core.effects import Batched, Merged, RecordEvidence, SendBack, effects
from paddock.core.gate import Facts, green, judge
from paddock.core.states import ChangeState

MERGEABLE: dict[str, Any] = {
    "state": ChangeState.OPEN,
    "head": "a" * 40,
    "author": "j1",
    "has_checks": True,
    "checks_green": True,
    "approved_by": ("ann",),
}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"state": ChangeState.RED}, "the change is red"),
        ({"state": ChangeState.MERGED}, "the change is merged"),
        ({"checks_green": None}, "the checks have not run on aaaaaaaaaaaa"),
        ({"checks_green": False}, "the checks are red"),
        ({"approved_by": ()}, "no person has approved it"),
    ],
)
def test_each_thing_in_the_way_is_said(facts: dict[str, Any], reason: str) -> None:
    verdict = judge(Facts(**{**MERGEABLE, **facts}))
    assert (verdict.mergeable, verdict.reasons) == (False, (reason,))


def test_nothing_in_the_way() -> None:
    assert judge(Facts(**MERGEABLE)).mergeable
    assert judge(Facts(**{**MERGEABLE, "has_checks": False, "checks_green": None})).mergeable
    assert judge(Facts(**{**MERGEABLE, "state": ChangeState.APPROVED})).approved_by == ("ann",)


@pytest.mark.parametrize(
    ("exit_code", "failing", "before", "missing", "is_green"),
    [
        (0, None, None, 0, True),
        (0, [], None, 0, True),
        (0, None, None, 1, False),
        (1, None, None, 0, False),
        (1, ["a"], None, 0, False),
        (1, ["a"], ["a", "b"], 0, True),
        (1, ["a", "c"], ["a", "b"], 0, False),
        (1, ["a"], ["a"], 1, False),
        (1, [], ["a"], 0, False),
        (2, [], [], 0, False),
    ],
)
def test_green(
    exit_code: int, failing: list[str] | None, before: list[str] | None, missing: int, is_green: bool
) -> None:
    assert green(exit_code, failing, before, missing) is is_green


CHECK = {"argv": ["pytest"], "green": False, "exit_code": 1, "worse": ["t::one"]}


def test_checks_leave_evidence_and_red_ones_send_the_change_back() -> None:
    result = {"commit": "h", "tree": "t", "green": False, "checks": [CHECK]}
    evidence, back = effects("test.run", {"change": "c1"}, "done", "", result)
    assert isinstance(evidence, RecordEvidence) and (evidence.head, evidence.green) == ("h", False)
    assert isinstance(back, SendBack) and back.state is ChangeState.RED and "t::one" in back.reason


def test_a_failed_check_job_says_nothing_of_the_change() -> None:
    assert effects("test.run", {"change": "c1"}, "failed", "timeout", {}) == []


def test_what_a_merge_job_does() -> None:
    payload = {"change": "c1"}
    done = effects("change.merge", payload, "done", "", {"merged": "m"})
    assert done == [Batched(change="c1", size=1, red=False), Merged(change="c1", commit="m")]
    [back] = effects("change.merge", payload, "failed", "conflict", {"paths": ["a.py"]})
    assert isinstance(back, SendBack) and back.state is ChangeState.CONFLICTED and "a.py" in back.reason
    assert effects("change.merge", payload, "failed", "tree_dirty", {}) == []


def test_other_kinds_have_no_effects() -> None:
    assert effects("command", {"change": "c1"}, "done", "", {"merged": "m", "checks": [CHECK]}) == []
    assert effects("change.merge", {}, "done", "", {"merged": "m"}) == []
