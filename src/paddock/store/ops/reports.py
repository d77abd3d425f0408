"""Support reports, of which the newest are kept."""

from collections.abc import Sequence
from typing import Any

from paddock.core.errors import NotFound
from paddock.store.ops.work import Work, record, to_json
from paddock.store.records import Record
from paddock.store.statements import Tx

KEPT = 500


class ReportRecord(Record, frozen=True, kw_only=True):
    """One report: what the agent told of itself, and lines of its log; `at` is epoch milliseconds."""

    id: str
    agent: str
    at: int
    note: str
    told: dict[str, Any]
    lines: tuple[str, ...]


def add(work: Work, agent: str, note: str, status: dict[str, Any], log: Sequence[str]) -> str:
    """Keeps a report and lets the oldest go."""
    made = work.new_id("r")
    work.tx.run("add_report", id=made, agent=agent, at=work.now, note=note, told=to_json(status), lines=to_json(log))
    work.tx.run("drop_reports", most=KEPT)
    work.journal("report.filed", None, agent, report=made, lines=len(log))
    return made


def find(tx: Tx, report: str) -> ReportRecord:
    """Raises: NotFound."""
    row = tx.one("report", id=report)
    if row is None:
        raise NotFound(f"no report {report!r}")
    return record(ReportRecord, row)
