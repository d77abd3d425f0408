"""The table of attacks is true: every test that it names is there, and what it says runs twice does."""

import ast
import re
from pathlib import Path

from workspace.test_as_user import ROOMS, SELECTED

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "reference" / "attacks.md"
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[a-z_/]+\.py)::(\w+)`( ·)?")


def functions_of(path: Path) -> set[str]:
    """The names of a file's tests."""
    found = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in found if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_every_attack_names_tests_that_are_there() -> None:
    text = TABLE.read_text()
    rows = ROW.findall(text)
    numbers = [int(number) for number, *_ in rows]
    assert len(numbers) == len(set(numbers)) and set(numbers) >= {*range(13, 36), *range(49, 54), 55, 56, 57, 59, 60}
    assert len(re.findall(r"^\| \d", text, re.MULTILINE)) == len(rows)  # no row that is read by nobody
    for number, _, _, proofs in rows:
        named = NAMED.findall(proofs)
        assert named and not NAMED.sub("", proofs).strip(), number
        for path, name, _ in named:
            assert (ROOT / path).exists() and name in functions_of(ROOT / path), f"{number}: {path}::{name}"


def test_what_is_marked_runs_as_an_ordinary_user_too() -> None:
    wanted, _, unwanted = SELECTED.replace("(", "").replace(")", "").partition(" and not ")
    for path, name, twice in NAMED.findall(TABLE.read_text()):
        where = f"{path}::{name}"
        selected = any(word in where for word in wanted.split(" or ")) and not any(
            word in where for word in unwanted.split(" and not ")
        )
        assert bool(twice) <= (selected and path.startswith(ROOMS)), where
