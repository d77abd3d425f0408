"""`paddock store` as a person types it."""

from pathlib import Path

import pytest

from cli.commands import paddock
from support.fleet import Fleet
from support.places import make_traversable, remove_tree


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["migrate"], "which database?"),
        (["migrate", "--store", "shop"], "cannot be read"),
        (["migrate", "--store", "postgresql://u:hunter2@127.0.0.1:1/x"], "127.0.0.1:1/x: Connection refused"),
        (["check"], "holds no store"),
        (["copy", "--store", "postgresql://u:hunter2@127.0.0.1:1/x"], "holds no store"),
    ],
    ids=["none", "no address", "nobody there", "empty home", "nothing to copy"],
)
def test_what_cannot_be_is_said_in_one_line(words: list[str], told: str, tmp_path: Path) -> None:
    said = paddock(tmp_path, "store", *words)
    assert (said.code, len(said.err.strip().splitlines())) == (2, 1)
    assert told in said.err and "hunter2" not in said.err + said.out


def test_a_database_is_made_ready_and_looked_at(postgres: str, tmp_path: Path) -> None:
    before = paddock(tmp_path, "store", "check", "--store", postgres)
    assert before.code == 1 and "0001_pre_start.sql" in before.out
    made = paddock(tmp_path, "store", "migrate", "--store", postgres, "--json")
    assert made.json()["made"][0] == "0001_pre_start.sql"
    again = paddock(tmp_path, "store", "migrate", "--store", postgres)
    assert again.code == 0 and "nothing to do" in again.out
    after = paddock(tmp_path, "store", "check", "--store", postgres, "--json")
    assert (after.code, after.json()) == (0, {"ok": True, "findings": {}})


def test_a_fleet_moves_to_a_database_while_its_agents_wait(postgres: str) -> None:
    folder = make_traversable()
    try:
        with Fleet(folder, beat=0.5, lease=30.0) as fleet:
            fleet.agent("one")
            first = fleet.submit({"id": "first", "kind": "noop", "payload": {}})["first"]
            fleet.until(first, "done")
            busy = paddock(fleet.home, "store", "copy", "--store", postgres)
            assert busy.code == 2 and "another control plane runs" in busy.err
            agent = fleet.agents["one"].popen.pid
            assert fleet.control is not None
            fleet.control.stop()
            moved = paddock(fleet.home, "store", "copy", "--store", postgres, "--json")
            assert moved.code == 0, moved.err
            assert moved.json()["rows"]["jobs"] == 1
            fleet.start_control("--store", postgres)
            assert fleet.job(first)["state"] == "done"
            second = fleet.submit({"id": "second", "kind": "noop", "payload": {}})["second"]
            fleet.until(second, "done")
            assert fleet.agents["one"].popen.pid == agent and fleet.agents["one"].popen.poll() is None
    finally:
        remove_tree(folder)
