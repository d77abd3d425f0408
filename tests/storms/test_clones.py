"""The storm of copies, small: no false alarm on a bad network, and every copy in quarantine."""

import asyncio
import json
from pathlib import Path

import pytest
from chaos.clones import Found, Plan, _tell, storm


async def test_no_false_alarm_and_no_copy_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(agents=12, beats=20, clones=12, seed=3, folder=tmp_path / "storm")
    found = await asyncio.to_thread(storm, plan)  # which runs a loop of its own
    assert (found.false_alarms, found.missed, found.clones) == (0, 0, 12)
    assert found.lost and found.crashes and found.restarts
    assert _tell([found, Found(beats_until=[2, 2])], 3, 1.0, quiet=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] and told["agents"] == 12 and told["median_beats"] <= 3


def test_an_alarm_or_a_copy_that_is_missed_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert _tell([Found(false_alarms=1)], 0, 1.0, quiet=False) == 1
    assert _tell([Found(clones=1, missed=1)], 0, 1.0, quiet=False) == 1
    assert "missed 1" in capsys.readouterr().out
