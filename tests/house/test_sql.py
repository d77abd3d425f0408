"""Every named statement is run by its name somewhere, and every name that is run exists."""

import re
from pathlib import Path

from paddock.store.statements import statements

FOLDER = Path(__file__).parents[2] / "src/paddock/store"
CALL = re.compile(r"\.(?:all|tuples|one|value|run|many)\(\s*\"(\w+)\"")


def test_statements_and_their_callers_fit() -> None:
    called = {name for path in FOLDER.rglob("*.py") for name in CALL.findall(path.read_text())}
    assert called == set(statements("sqlite")) == set(statements("postgres"))
