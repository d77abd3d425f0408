"""What every operation of the store works with: the transaction, the moment, and sources of ids and of chance."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from paddock.core.errors import NotFound
from paddock.store.records import Change, JobRecord, Record
from paddock.store.statements import Row, Tx

R = TypeVar("R", bound=Record)

# Columns that hold JSON.
_JSON = frozenset(
    {"checks", "payload", "scope", "requires", "accept", "files", "result", "kinds", "capabilities", "data"}
    | {"labels", "submits", "health", "granted", "facts", "roll", "fingerprint", "told", "lines"}
    | {"authors", "reviewers", "budget", "people", "shown"}
)


class Work:
    """One operation's surroundings. `now` is epoch milliseconds; `chance` gives dice in [0, 1)."""

    def __init__(
        self, tx: Tx, now: int, new_id: Callable[[str], str], chance: Callable[[], float], actor: str = ""
    ) -> None:
        self.tx = tx
        self.now = now
        self.new_id = new_id
        self.chance = chance
        # Who it is done for; empty when that is nobody who logged in.
        self.actor = actor
        # Whether this operation has made a job claimable, or let one go that others wait their turn for.
        self.readied = False

    def journal(self, type_: str, job: str | None = None, agent: str | None = None, /, **data: Any) -> None:
        """Appends to the journal in this very transaction; who it is done for is named with it."""
        if self.actor and "by" not in data:
            data["by"] = self.actor
        self.tx.run("append", at=self.now, type=type_, job=job, agent=agent, data=to_json(data))

    def job(self, job: str) -> JobRecord:
        """Raises: NotFound."""
        row = self.tx.one("job", id=job)
        if row is None:
            raise NotFound(f"no job {job!r}")
        return record(JobRecord, row)

    def change(self, change: str) -> Change:
        """Raises: NotFound."""
        row = self.tx.one("change", id=change)
        if row is None:
            raise NotFound(f"no change {change!r}")
        return record(Change, row)


def to_json(value: object) -> str:
    """A value as JSON text."""
    return msgspec.json.encode(value).decode()


def record(kind: type[R], row: Row) -> R:
    """A row as its record."""
    return msgspec.convert(_decoded(row), kind, strict=False)


def records(kind: type[R], rows: list[Row]) -> list[R]:
    """Rows as records."""
    return [record(kind, row) for row in rows]


def _decoded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: msgspec.json.decode(value) if name in _JSON else value for name, value in row.items()}
