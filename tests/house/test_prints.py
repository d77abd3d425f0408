"""stdout belongs to the command line: no other room prints."""

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src" / "paddock"
# The canary is a script that runs in a box: what it prints is its answer.
MAY_PRINT = (SRC / "cli", SRC / "demo", SRC / "sandbox" / "canary.py")


def prints(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    return [f"{path.relative_to(SRC)}:{node.lineno}" for node in calls if ast.unparse(node.func) == "print"]


def test_only_the_command_line_prints() -> None:
    quiet = [path for path in SRC.rglob("*.py") if not {path, *path.parents}.intersection(MAY_PRINT)]
    assert [place for path in quiet for place in prints(path)] == []
