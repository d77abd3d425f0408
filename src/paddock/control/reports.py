"""Support reports: taken from agents' hosts, covered once more, shown to operators."""

from typing import Any

import msgspec

from paddock.control.plane import Control
from paddock.core.errors import Overloaded
from paddock.core.redaction import redact
from paddock.store.ops.reports import ReportRecord
from paddock.wire.messages import Decoder, encode
from paddock.wire.report import Report

_decoder = Decoder(Report)


async def take(control: Control, agent: str, body: bytes) -> bytes:
    """Keeps a report of an agent whose signature holds. Raises: Malformed, Overloaded after a moment ago's."""
    given = _decoder.decode(body)
    if not control.quiet.due("report", agent):
        raise Overloaded("this agent has filed a report a moment ago", retry_after=60)
    # The host has covered its secrets; what its release did not know is covered here.
    safe: Report = msgspec.json.decode(redact(encode(given)), type=Report)
    made = await control.store.add_report(agent, safe.note, safe.status, safe.log, control.clock.now())
    control.bus.news()
    return msgspec.json.encode({"report": made})


async def listing(control: Control, most: int = 200) -> list[dict[str, Any]]:
    """The newest reports without what they hold."""
    return [_head(control, one) for one in await control.store.reports(most)]


async def show(control: Control, report: str) -> dict[str, Any]:
    """A report. Raises: NotFound."""
    found = await control.store.report(report)
    return _head(control, found) | {"status": found.told, "log": found.lines}


def _head(control: Control, report: ReportRecord) -> dict[str, Any]:
    known = control.fleet.get(report.agent)
    name = known.name if known else ""
    lines = len(report.lines)
    return {"id": report.id, "agent": report.agent, "name": name, "at": report.at, "note": report.note, "lines": lines}
