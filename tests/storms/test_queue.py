"""Changes on their way to the branch with real processes: what is red or not mended stays out, the rest is merged."""

from collections.abc import Iterator

import pytest
from chaos.findings_report import table

from chaos import findings, queue
from support.fleet import Fleet
from support.places import make_traversable, remove_tree

CHANGES = 5


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """One agent; each test makes a repository of its own."""
    folder = make_traversable()
    try:
        with Fleet(folder, lease=30.0) as made:
            made.agent("a1", slots=4)
            yield made
    finally:
        remove_tree(folder)


def approve_in_order(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, changes: int) -> None:
    """Has so many changes approved at once and in the order of their jobs: which come together is no chance then."""
    approve, waiting = fleet.approve, list[str]()

    def name(ref: str) -> str:
        return str(fleet.api.get(f"/v1/changes/{ref}")["name"])

    def held(ref: str) -> None:
        if len(waiting) == changes:
            approve(ref)
            return
        waiting.append(ref)
        if len(waiting) == changes:
            fleet.api.post("/v1/agents/a1/drain", {"draining": True})
            for one in sorted(waiting, key=name):
                approve(one)
            fleet.api.post("/v1/agents/a1/drain", {"draining": False})

    monkeypatch.setattr(fleet, "approve", held)


def test_a_hot_file_keeps_its_branch_green_while_changes_are_merged_together(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve_in_order(fleet, monkeypatch, CHANGES)
    found = queue.run(fleet, changes=CHANGES, red=20, batch=4, seed=1)
    print(queue.table(found))
    assert found.wrong == []
    assert (found.merged, found.failed) == (4, 1)
    # Fewer commits on the branch than changes: some came together, and each commit was tested.
    assert found.commits - 1 < found.merged and max(found.together) > 1


def test_planted_defects_do_not_reach_the_branch_whatever_a_fixer_says(fleet: Fleet) -> None:
    found = findings.run(fleet, defects=3, right=80, seed=3)
    print(table(found))
    assert found.wrong == []
    assert (found.merges, found.mended, found.lies > 0) == (1, 3, True)
