"""Named SQL: every statement of the store stands in a `.sql` file under `-- name`, and is run by that name.

`store/sql` holds what both databases take; a driver's own `sql` folder may replace a statement by the same name.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from typing import Any, Protocol

Row = dict[str, Any]


class Tx(Protocol):
    """Runs named statements on one connection; the engine decides what transaction they are in."""

    # Called, in the engine's thread, when nothing is left but to bring the transaction to disk.
    nearly: list[Callable[[], None]]

    def all(self, name: str, /, **values: Any) -> list[Row]:
        """Every row, each as a dict of its columns."""

    def tuples(self, name: str, /, **values: Any) -> list[tuple[Any, ...]]:
        """Every row as its values in the statement's order, for rows that come by the hundred."""

    def one(self, name: str, /, **values: Any) -> Row | None:
        """The first row, or None."""

    def value(self, name: str, /, **values: Any) -> Any:
        """The first column of the first row, or None."""

    def run(self, name: str, /, **values: Any) -> int:
        """Executes a write and returns how many rows it changed."""

    def many(self, name: str, rows: Sequence[Row], /) -> None:
        """Executes a write once for each row of values; all rows have the same names."""


@cache
def statements(driver: str) -> dict[str, str]:
    """Every named statement as one driver runs it: name → SQL."""
    return _load("paddock.store") | _load(f"paddock.store.{driver}")


def _load(package: str) -> dict[str, str]:
    out: dict[str, str] = {}
    folder = resources.files(package).joinpath("sql")
    for file in folder.iterdir() if folder.is_dir() else ():
        name = ""
        for line in file.read_text().splitlines():
            if line.startswith("-- name: "):
                name = line.removeprefix("-- name: ").strip()
                if name in out:
                    raise ValueError(f"statement {name} stands twice")
                out[name] = ""
            elif name and not line.startswith("--"):
                out[name] += line + "\n"
    return out
