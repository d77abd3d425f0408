"""Forges for the tests of this room."""

from collections.abc import Iterator

import pytest

from support import pagure
from support.places import make_traversable


@pytest.fixture(scope="session")
def real_pagure() -> Iterator[pagure.Pagure]:
    """A real Pagure for the whole session; `./dev forge` makes the root that it runs in."""
    if pagure.root() is None:
        pytest.skip("a real Pagure needs a root with Debian's package: ./dev forge makes one and runs this")
    with pagure.Pagure(make_traversable()) as made:
        yield made
