"""Which agent takes which lane, and the words for why it does not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.matching import Candidate, lane, parse_lane, waits

LANE = lane("shop", "command", ("go", "python"))
FIT: dict[str, Any] = {
    "name": "a1",
    "kinds": {"command"},
    "capabilities": {"go", "python", "git"},
    "slots": 2,
    "running": 1,
    "online": True,
    "draining": False,
}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({}, ""),
        ({"online": False}, "is offline"),
        ({"kinds": {"noop"}}, "does not run command jobs"),
        ({"capabilities": {"git"}}, "lacks go, python"),
        ({"draining": True}, "is draining"),
        ({"running": 2}, "is busy with 2 of 2 jobs"),
    ],
)
def test_the_reason(facts: dict[str, Any], reason: str) -> None:
    assert waits(Candidate(**{**FIT, **facts}), LANE) == reason


words = st.from_regex(r"[a-z0-9][a-z0-9._:+-]{0,8}", fullmatch=True)


@given(words, st.sampled_from(["noop", "command"]), st.sets(words))
def test_a_lane_is_its_name(project: str, kind: str, requires: set[str]) -> None:
    backwards = tuple(sorted(requires, reverse=True))
    assert parse_lane(lane(project, kind, backwards)) == (project, kind, tuple(sorted(requires)))
