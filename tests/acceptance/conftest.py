"""Fleets of real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fleet import Fleet
from support.places import make_traversable, remove_tree


@pytest.fixture
def fleet(traversable_tmp: Path) -> Iterator[Fleet]:
    """A control plane that serves one project; agents are the test's to start."""
    with Fleet(traversable_tmp) as made:
        yield made


@pytest.fixture(scope="module")
def steady() -> Iterator[Fleet]:
    """A fleet with two agents for tests that leave it as they found it."""
    folder = make_traversable()
    try:
        with Fleet(folder) as made:
            made.agent("a1", slots=2)
            made.agent("a2", slots=2)
            yield made
    finally:
        remove_tree(folder)
