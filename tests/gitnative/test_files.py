"""Task files: both ways of writing them, the schema, the layouts, and what is wrong with many of them together."""

from pathlib import Path

import pytest

from gitnative.taskfiles import DIALECT, path_of, task_text
from paddock.gitnative import batches, checkout, layouts, scaffold, tasks, toon
from paddock.gitnative.board import Board
from paddock.gitnative.errors import TaskInvalid
from paddock.gitnative.mirror import Coordination, Stored
from paddock.gitnative.selection import Filter, Planner
from support.repos import git


def board_of(*texts: str) -> Board:
    board = Board()
    for text in texts:
        name = next(line.split(": ")[1] for line in text.splitlines() if line.strip().startswith("id:"))
        board.add(path_of(name), text)
    return board


def said(board: Board) -> list[str]:
    return [str(problem) for problem in board.check() if not problem.warning]


def test_a_plan_is_of_the_board_that_is_asked_about_and_of_none_that_was_there_before() -> None:
    planner, rules = Planner(), Coordination()
    before, after = (vars(board_of(task_text(name))) for name in ("TASK-001", "TASK-002"))
    first = Stored(tip="", blobs={}, coordination=rules, **before)
    told, where = planner.ready(first, frozenset(), Filter()), id(first)
    del first
    later = [Stored(tip="", blobs={}, coordination=rules, **after) for _ in range(200)]
    later.sort(key=lambda one: id(one) != where)  # the one that lies where the first one lay, if any, is asked about
    assert (told, planner.ready(later[0], frozenset(), Filter())) == (["shop/TASK-001"], ["shop/TASK-002"])


def test_the_older_dialect_is_read_as_it_was_meant() -> None:
    document = toon.loads(DIALECT, "TASK-025.toon")
    value = document.value
    assert value["task"]["title"] == "Deploy: staging first, then production"
    details = "Set up in this order:\n- network (free tier: 5GB)\n * with a note\n- storage\n\nThen wait."
    assert value["description"]["details"] == details
    assert value["acceptance_criteria"] == ["Error rate > 1% pages somebody", "unit: 85%+ coverage"]
    assert value["dependencies"] == {"required": ["TASK-001", "TASK-002"], "blocks": []}
    assert value["metadata"]["created_at"] == "2025-11-17T18:05:00Z"
    assert value["notes"] == "Free text"
    assert document.line("dependencies", "required", 1) == DIALECT.splitlines().index("  TASK-002") + 1


def test_what_is_written_reads_back_the_same() -> None:
    value = toon.loads(DIALECT, "TASK-025.toon").value
    assert toon.loads(toon.dumps(value), "again").value == value


def test_a_task_of_the_dialect_is_a_task() -> None:
    task = tasks.parse(DIALECT, path_of("TASK-025"), "shop")
    assert (task.key, task.priority, task.needs) == ("shop/TASK-025", 3, ("shop/TASK-001", "shop/TASK-002"))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            "  TASK-002",
            "  TASK-002 (Authentication)",
            "26: dependencies.required: 'TASK-002 (Authentication)' is no task's id",
        ),
        (
            "  TASK-002",
            "  Note: only when tested",
            "26: dependencies.required: 'Note: only when tested' is no task's id",
        ),
        (" title: Deploy: staging first, then production", " owner: me", "1: field `title` is missing"),
        (" priority: 3", " priority: 11", "6: priority '11' is none"),
        (" priority: 3", " priority: high", "6: priority 'high' is none"),
        (" status: blocked", " status: someday", "7: status 'someday' is unknown"),
        (" id: TASK-025", " id: TASK 25", "2: id 'TASK 25' is none"),
        (" id: TASK-025", " id: TASK-026", "2: the id is 'TASK-026', but the file is called TASK-025.toon"),
        (" project: shop", " project: bank", "3: it names project 'bank', but lies in 'shop'"),
        (" complexity: high", " complexity: huge", "37: complexity 'huge' is unknown"),
    ],
)
def test_a_fault_is_named_with_file_and_line(before: str, after: str, words: str) -> None:
    with pytest.raises(TaskInvalid) as caught:
        tasks.parse(DIALECT.replace(before, after), path_of("TASK-025"), "shop")
    assert caught.value.message.startswith(f"{path_of('TASK-025')}:{words}")


@pytest.mark.parametrize(
    "text", ["#!/bin/sh\necho hello\n", "a: [\n", "\x00\x01", "- 1\n- 2\n", "task:\n  id: A\n   x: 1\n"]
)
def test_what_is_no_toon_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(TaskInvalid, match=r"^x\.toon:\d+: "):
        tasks.parse(text, "x.toon")


@pytest.mark.parametrize(
    ("path", "project", "folder"),
    [
        (".agents/projects/shop/tasks/T-1.toon", "shop", "tasks"),
        (".agents/claimed/shop/T-1.toon", "shop", "claimed"),
        (".agents/completed/shop/T-1.toon", "shop", "completed"),
        (".agents/shop/tasks/T-1.toon", "shop", "tasks"),
        (".agents/shop/completed/T-1.toon", "shop", "completed"),
        (".agents-core/state/shop/claimed/T-1.toon", "shop", "claimed"),
        ("state/shop/tasks/T-1.toon", "shop", "tasks"),
        (".agents/tasks/T-1.toon", "", "tasks"),
        (".agents/completed/T-1.toon", "", "completed"),
    ],
)
def test_every_layout_is_read(path: str, project: str, folder: str) -> None:
    place = layouts.place_of(path)
    assert place is not None
    assert (place.project, place.folder, place.task) == (project, folder, "T-1")
    assert place.path(folder) == path
    for other in layouts.ORDER:
        moved = layouts.place_of(place.path(other))
        assert moved is not None
        assert (moved.project, moved.folder) == (project, other)


@pytest.mark.parametrize(
    "path", [".agents/projects/shop.toon", ".agents/projects/shop/architecture.toon", "src/a.toon"]
)
def test_other_files_are_no_tasks(path: str) -> None:
    assert layouts.place_of(path) is None


def test_unknown_circular_and_own_dependencies_are_named() -> None:
    board = board_of(
        task_text("TASK-001", needs=["TASK-003"]),
        task_text("TASK-002", needs=["TASK-001"]),
        task_text("TASK-003", needs=["TASK-002"]),
        task_text("TASK-004", needs=["TASK-004", "TASK-099"]),
    )
    found = said(board)
    assert any("TASK-004.toon:9: requires unknown task 'TASK-099'" in one for one in found)
    assert any("TASK-004 requires itself" in one for one in found)
    assert any("cycle: TASK-001 -> TASK-003 -> TASK-002 -> TASK-001" in one for one in found)


def test_a_task_that_stands_twice_is_a_fault_but_its_older_place_is_a_warning() -> None:
    board = board_of(task_text("TASK-001"))
    board.add(".agents/shop/tasks/TASK-001.toon", task_text("TASK-001"))
    assert ["stands in" in one for one in said(board)] == [True]
    board = board_of(task_text("TASK-001"))
    board.add(path_of("TASK-001", folder="completed"), task_text("TASK-001"))
    assert said(board) == []
    assert board.completed() == {"shop/TASK-001"}
    assert board.ready(board.completed()) == []


def test_what_an_urgent_task_waits_for_is_as_urgent() -> None:
    board = board_of(
        task_text("TASK-001", priority=6),
        task_text("TASK-002", priority=9, needs=["TASK-001"]),
        task_text("TASK-003", priority=7),
    )
    assert board.ready(set()) == ["shop/TASK-001", "shop/TASK-003"]
    warnings = [problem for problem in board.check() if problem.warning]
    assert [one.message for one in warnings] == ["priority 9 waits for TASK-001 of priority 6"]
    assert board.ready({"shop/TASK-001"}) == ["shop/TASK-002", "shop/TASK-003"]


def test_a_closed_task_without_needs_stays_closed_and_one_with_needs_opens_by_itself() -> None:
    board = board_of(
        task_text("TASK-001", status="pending"), task_text("TASK-002", needs=["TASK-001"], status="pending")
    )
    assert board.ready(set()) == []
    assert board.ready({"shop/TASK-001"}) == ["shop/TASK-002"]


def test_init_makes_what_check_accepts_and_keeps_what_is_there(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "AGENTS.md").write_text("# Ours\n\nKeep this.\n")
    written = scaffold.init(tmp_path, "sample", protocol="refs", branch="")
    assert "AGENTS.md" in written
    board = checkout.read_board(tmp_path)
    assert board.check() == []
    assert board.ready(set()) == ["sample/TASK-001"]
    guide = (tmp_path / "AGENTS.md").read_text()
    assert guide.startswith("# Ours\n\nKeep this.\n")
    assert "paddock git claim" in guide
    assert scaffold.init(tmp_path, "sample", protocol="refs", branch="") == []
    assert (tmp_path / "AGENTS.md").read_text() == guide


def test_add_takes_all_or_none(tmp_path: Path) -> None:
    top = tmp_path / "repo"
    top.mkdir()
    good, bad = tmp_path / "TASK-001.toon", tmp_path / "TASK-002.toon"
    good.write_text(task_text("TASK-001"))
    bad.write_text(task_text("TASK-002", needs=["TASK-009"]))
    with pytest.raises(TaskInvalid, match="requires unknown task 'TASK-009'"):
        checkout.add(top, [good, bad])
    assert not (top / ".agents").exists()
    bad.write_text(task_text("TASK-002", needs=["TASK-001"]))
    assert [task.key for task in checkout.add(top, [good, bad])] == ["shop/TASK-001", "shop/TASK-002"]
    with pytest.raises(TaskInvalid, match="exists already"):
        checkout.add(top, [good])


def test_a_batch_is_one_file_with_many_tasks(tmp_path: Path) -> None:
    documents = [toon.loads(task_text(f"TASK-{n:03}"), "x").value for n in range(1, 4)]
    batch = tmp_path / "batch.toon"
    batch.write_text(toon.dumps({"tasks": documents}))
    made, _ = checkout.split_batch(batch, tmp_path)
    assert [task.id for task in checkout.add(tmp_path / "repo", made)] == ["TASK-001", "TASK-002", "TASK-003"]
    batch.write_text(toon.dumps({"tasks": [documents[0], documents[0]]}))
    with pytest.raises(TaskInvalid, match="stands twice"):
        checkout.split_batch(batch, tmp_path)


def test_a_batch_opens_when_enough_of_another_is_done(tmp_path: Path) -> None:
    top = tmp_path / "repo"
    heads: list[dict[str, object]] = [{"name": "one"}, {"name": "two", "opens_after": "one", "done": 2}]
    for start, head in zip((1, 4), heads, strict=True):
        documents = [toon.loads(task_text(f"TASK-{n:03}"), "x").value for n in range(start, start + 3)]
        file = tmp_path / f"{start}.toon"
        file.write_text(toon.dumps({"batch": head, "tasks": documents}))
        made, batch = checkout.split_batch(file, tmp_path)
        checkout.add(top, made, "", batch)
    board = checkout.read_board(top)
    assert board.check() == []
    first = [f"shop/TASK-{n:03}" for n in (1, 2, 3)]
    assert board.ready(set()) == first
    assert board.ready({first[0]}) == first[1:]
    assert board.ready(set(first[:2])) == [first[2], *(f"shop/TASK-{n:03}" for n in (4, 5, 6))]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"name": "two", "opens_after": "zero", "tasks": ["TASK-001"]}, "opens after 'zero', which is not before it"),
        ({"name": "one", "tasks": ["TASK-001"]}, "stands twice"),
        ({"name": "two", "opens_after": "one", "done": 7, "tasks": []}, "no number from 0 to 1"),
        ({"name": "two", "tasks": ["no id"]}, "no list of ids"),
        ({"tasks": []}, "has no name"),
    ],
)
def test_a_fault_of_a_batch_is_named(row: dict[str, object], words: str) -> None:
    path = ".agents/projects/shop/batches.toon"
    text = batches.appended("", path, {"name": "one", "tasks": ["TASK-001"]})
    with pytest.raises(TaskInvalid, match=rf"batches\.toon:\d+: .*{words}"):
        batches.appended(text, path, row)
