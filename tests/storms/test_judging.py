"""What a storm calls lost, doubled and stuck, and in what order its faults come."""

import itertools
from typing import Any, cast

import pytest
from chaos.audit import Findings, judge
from chaos.faults import KINDS, Fault, sequence
from chaos.fleet import Fleet
from chaos.load import Tally
from chaos.recovery import Recovery
from chaos.report import Report, silence

from chaos import effects, faults


class Parts:
    """As many parts as a fleet has."""

    replicas = range(3)
    agents = range(4)


FLEET = cast(Fleet, Parts)


def first(seed: int, count: int) -> list[Fault]:
    return list(itertools.islice(sequence(seed, FLEET), count))


def test_a_seed_gives_the_same_storm_again_and_every_kind_before_any_comes_twice() -> None:
    rounds = 3 * len(KINDS)
    found = first(7, rounds)
    assert found == first(7, rounds) != first(8, rounds)
    for at in range(0, rounds, len(KINDS)):
        assert {fault.kind for fault in found[at : at + len(KINDS)]} == KINDS.keys()
    for fault in found:
        row = faults.KINDS[fault.kind]
        assert row.lasts[0] <= fault.seconds <= row.lasts[1]
        assert fault.number in range(row.among(FLEET))


def job(id: str, state: str = "done") -> dict[str, Any]:
    return {"id": id, "state": state, "reason": ""}


@pytest.mark.parametrize(
    ("jobs", "accepted", "wrong"),
    [
        ([job("j1")], {"j1": 1}, ""),
        ([], {}, "lost"),
        ([job("j1", "parked")], {}, "lost"),
        ([job("j1")], {}, "lost"),
        ([job("j1")], {"j1": 2}, "doubled"),
        ([job("j1"), job("j2")], {"j1": 1, "j2": 1}, "doubled"),
        ([job("j1", "leased")], {}, "stuck"),
        ([job("j1", "ready")], {}, "stuck"),
    ],
)
def test_a_job_is_well_when_it_is_there_once_and_was_done_once(
    jobs: list[dict[str, Any]], accepted: dict[str, int], wrong: str
) -> None:
    found = Findings()
    judge(found, "n1", jobs, "j1", accepted)
    assert [what for what in ("lost", "doubled", "stuck") if getattr(found, what)] == ([wrong] if wrong else [])
    assert Report(1, 1.0, Tally(), found, [], "").good is not bool(wrong)


def test_steps_that_are_missing_undone_or_there_twice_are_counted() -> None:
    good = [[step, 1 + step // 3] for step in range(effects.STEPS)]
    assert (effects.doubled(good), effects.missing(good)) == (0, 0)
    assert effects.missing(good[:-1]) == 1
    assert effects.doubled([*good, good[-1]]) == 1
    late = [*good[:3], [3, 2], [4, 1]]
    assert (effects.doubled(late), effects.missing(late)) == (0, 1)


def test_silence_is_the_longest_time_without_a_job_done_until_all_works() -> None:
    fault = Fault("kill_replica", 0, 4.0)
    recovery = Recovery(fault, began=100.0, healed=104.0, works=2.0, whole=3.0)
    assert silence([], recovery) == 6.0
    assert silence([99.0, 101.0, 101.5, 105.0, 107.0], recovery) == 3.5
