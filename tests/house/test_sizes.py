"""No module above 400 lines, no function above 60, a median module near 120: a file that wants more is two rooms."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from paddock.demo.sample import FILES as SAMPLE

ROOT = Path(__file__).parents[2]
MODULE, FUNCTION, MEDIAN = 400, 60, 140


def modules() -> list[Path]:
    """The product's modules and those of its storms; the demo's sample project is data."""
    found = [path for folder in ("src", "chaos") for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if SAMPLE not in path.parents]


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """The place and the length of each function, from its `def` to its last line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", length


def test_no_module_is_a_house_of_its_own() -> None:
    long = {str(path.relative_to(ROOT)): lines(path) for path in modules() if lines(path) > MODULE}
    assert not long, f"modules above {MODULE} lines: {long}"


def test_no_function_is_longer_than_a_page() -> None:
    places = (place for path in [*modules(), ROOT / "dev"] for place in functions(path))
    long = {place: length for place, length in places if length > FUNCTION}
    assert not long, f"functions above {FUNCTION} lines: {long}"


def test_the_median_module_is_read_in_one_sitting() -> None:
    median = statistics.median([lines(path) for path in modules() if lines(path)])
    assert median <= MEDIAN, f"the median module has {median} lines, the budget is {MEDIAN}"
