"""Fleets whose changes are reviewed."""

from collections.abc import Iterator

import pytest

from support.fleet import Fleet
from support.places import make_traversable, remove_tree


@pytest.fixture(scope="package")
def fleet() -> Iterator[Fleet]:
    """A control plane with two agents; each test takes a project of its own."""
    folder = make_traversable()
    try:
        # A lease outlives a busy machine: nothing here is about losing one.
        with Fleet(folder, beat=1.0, lease=30.0) as made:
            made.agent("a1", slots=2)
            made.agent("a2", slots=2)
            yield made
    finally:
        remove_tree(folder)
