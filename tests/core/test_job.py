"""Batches as people write them: defaults, limits, and a place in every complaint."""

from typing import Any

import pytest

from paddock.core.errors import BadInput
from paddock.core.ids import Mint, is_id
from paddock.core.job import Job, parse_batch, settle


def settled(*jobs: dict[str, Any], **more: Any) -> list[Job]:
    return settle(parse_batch({"project": "shop", "jobs": list(jobs), **more}))


def test_a_job_says_what_the_defaults_do_not() -> None:
    defaults = {"priority": 8, "payload": {"env": {"A": "1"}}, "requires": ["go"], "timeout": 9}
    one, two = settled(
        {"id": "one", "payload": {"argv": ["ls"]}, "depends_on": ["two"]},
        {"id": "two", "kind": "noop", "payload": {}, "priority": 1},
        defaults={k: v for k, v in defaults.items() if k != "payload"},
    )
    assert (one.priority, one.requires, one.timeout, one.max_attempts) == (8, ("go",), 9, 3)
    assert (two.priority, two.urgency) == (1, 8)


@pytest.mark.parametrize(
    ("job", "told", "where"),
    [
        ({"id": "a b"}, "is not a name", "jobs[0].id"),
        ({"id": ""}, "is not a name", "jobs[0].id"),
        ({"id": "a", "kind": "magic"}, "unknown kind 'magic'", ""),
        ({"id": "a", "kind": "change.merge"}, "the control plane's own", "jobs[0].kind"),
        ({"id": "a", "payload": {}}, "field 'argv' is missing", "jobs[0]"),
        ({"id": "a", "payload": {"argv": []}}, "the program first", "jobs[0]"),
        ({"id": "a", "payload": {"argv": ["ls", 3]}}, "list of texts", "jobs[0]"),
        ({"id": "a", "payload": {"argv": ["a\0b"]}}, "NUL", "jobs[0]"),
        ({"id": "a", "payload": {"argv": ["ls"], "shell": "x"}}, "unknown field 'shell'", "jobs[0]"),
        ({"id": "a", "payload": {"argv": ["ls"], "env": {"A": "x\0y"}}}, "NUL", "jobs[0]"),
        ({"id": "a", "payload": {"argv": ["ls"], "env": {"A B": "x"}}}, "variable's name", "jobs[0]"),
        ({"id": "a", "payload": {"argv": ["ls", "x" * 200_000]}}, "too large", "jobs[0]"),
        ({"id": "a", "priority": 11}, "<= 10", "jobs[0].priority"),
        ({"id": "a", "timeout": 0}, ">= 1", "jobs[0].timeout"),
        ({"id": "a", "colour": "red"}, "unknown field `colour`", "jobs[0]"),
        ({"id": "a", "scope": {"files": {"write": ["../x"]}}}, "not relative", "jobs[0]"),
        ({"id": "a", "scope": {"commands": [["make"]]}}, "does not take the job's own argv", "jobs[0]"),
        ({"id": "a", "scope": {"hosts": ["x.org"]}}, "names no port", "jobs[0]"),
        ({"id": "a", "requires": ["A B"]}, "no capability", "jobs[0].requires"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(job: dict[str, Any], told: str, where: str) -> None:
    with pytest.raises(BadInput) as caught:
        settled({"payload": {"argv": ["ls"]}, **job})
    assert told in caught.value.message and caught.value.where == where


def test_one_id_twice_and_no_job_at_all() -> None:
    job = {"id": "a", "payload": {"argv": ["ls"]}}
    with pytest.raises(BadInput, match="stands twice"):
        settled(job, job)
    with pytest.raises(BadInput, match="1 to 20,000 jobs"):
        settled()


def test_ids_rise_even_when_the_clock_goes_back() -> None:
    mint = Mint(iter([9, 2**50 - 1]).__next__)
    made = [mint.make("j", ms) for ms in (5, 5, 4, 6, 2)]
    assert made == sorted(made) and len(set(made)) == 5
    assert all(is_id("j", one) for one in made)
