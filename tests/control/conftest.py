"""A served control plane in a process of its own, without agents."""

from collections.abc import Iterator

import pytest

from support.fleet import Fleet
from support.places import make_traversable, remove_tree


@pytest.fixture(scope="module")
def plane() -> Iterator[Fleet]:
    """A control plane with one project; tests of one module share it."""
    folder = make_traversable()
    try:
        with Fleet(folder, beat=5.0, lease=30.0) as made:
            yield made
    finally:
        remove_tree(folder)
