"""Replicas on a database of the test's own."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.places import make_traversable, remove_tree
from support.replicas import Replicas, Start


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that agents' users can pass through."""
    path = make_traversable()
    yield path
    remove_tree(path)


@pytest.fixture
def replicas(folder: Path, postgres: str) -> Iterator[Start]:
    """Starts replicas; whatever runs at the end is stopped."""
    with ExitStack() as stack:

        def start(*, bus: str = "", count: int = 2, beat: float = 0.3, lease: float = 3.0, store: str = "") -> Replicas:
            made = Replicas(folder, store=store or postgres, bus=bus, count=count, beat=beat, lease=lease)
            return stack.enter_context(made)

        yield start
