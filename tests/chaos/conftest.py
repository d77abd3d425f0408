"""Fleets to be broken."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fleet import Fleet


@pytest.fixture
def fleet(traversable_tmp: Path) -> Iterator[Fleet]:
    """A control plane that serves one project; agents are the test's to start."""
    with Fleet(traversable_tmp) as made:
        yield made
