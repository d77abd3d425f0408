"""The merge queue with real processes: changes tested together, the red one found, the branch green at every commit."""

from pathlib import Path

from chaos import queue
from support.fleet import Fleet


def test_a_hot_file_keeps_its_branch_green_while_changes_are_merged_together(traversable_tmp: Path) -> None:
    with Fleet(traversable_tmp, lease=30.0) as fleet:
        fleet.agent("a1", slots=4)
        found = queue.run(fleet, changes=5, red=20, batch=4, seed=1)
    print(queue.table(found))
    assert found.wrong == []
    assert (found.merged, found.failed) == (4, 1)
    # Fewer commits on the branch than changes: some came together, and each commit was tested.
    assert found.commits - 1 < found.merged and max(found.together) > 1
