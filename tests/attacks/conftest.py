"""A fleet with a man in the middle: he sees and may change every answer on its way to any of the agents."""

from collections.abc import Iterator

import pytest

from support.fleet import Fleet
from support.middle import Middle
from support.places import make_traversable, remove_tree
from support.proxy import Proxy


@pytest.fixture(scope="module")
def middle() -> Iterator[Middle]:
    """Agents are the test's to start, with `only`; he is honest until told otherwise."""
    folder = make_traversable()
    try:
        with Fleet(folder, lease=15) as fleet:
            made = Middle(fleet)
            with Proxy(fleet.port, made.alter) as proxy:
                made.url = proxy.url
                yield made
    finally:
        remove_tree(folder)
