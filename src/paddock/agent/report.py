"""The agent's own log on disk, and the report that takes its last lines along."""

import logging
from pathlib import Path
from typing import Any

import msgspec

from paddock.agent import identity as identities
from paddock.agent.http import Client
from paddock.core.errors import PaddockError, Refused
from paddock.core.redaction import redact
from paddock.wire.messages import encode
from paddock.wire.report import LINES, MOST_BYTES, Report
from paddock.wire.signing import AGENT_HEADER, SIGNATURE_HEADER, sign

LOG = "agent.log"
# Bytes of log before it is laid aside; what was laid aside before goes.
_ROOM = 512 * 1024


class LogFile(logging.FileHandler):
    """Keeps the log within bounds; a disk that is full costs lines and nothing else."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if self.stream is not None and self.stream.tell() > _ROOM:
            self.close()
            path = Path(self.baseFilename)
            path.replace(path.with_suffix(".log.1"))
            self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:
        """A line that cannot be written is gone; it stands on stderr, too."""


def last_lines(state: Path) -> tuple[str, ...]:
    """The last lines of the log, secrets covered, at most `LINES`."""
    text = b"".join(_tail(state / name) for name in (f"{LOG}.1", LOG))
    lines = redact(text).decode("utf-8", "replace").splitlines()
    return tuple(line[:2_000] for line in lines[-LINES:])


def _tail(path: Path) -> bytes:
    try:
        return path.read_bytes()[-_ROOM:]
    except OSError:
        return b""


def compose(state: Path, note: str, *, logs: bool) -> Report:
    """A report that fits: long logs lose their oldest lines."""
    try:
        status: dict[str, Any] = msgspec.json.decode(redact((state / "status.json").read_bytes()))
    except (OSError, msgspec.MsgspecError):
        status = {}
    report = Report(note=redact(note.encode()).decode(), status=status, log=last_lines(state) if logs else ())
    while len(encode(report)) > MOST_BYTES and report.log:
        report = msgspec.structs.replace(report, log=report.log[len(report.log) // 2 + 1 :])
    return report


async def send(state: Path, report: Report) -> str:
    """Files the report with the agent's own control plane; its id. Raises: NotActivated, Refused, Unreachable."""
    identity = identities.load(state)
    key = identities.agent_key(state)
    body = encode(report)
    client = Client(identity.server)
    try:
        headers = {AGENT_HEADER: identity.agent, SIGNATURE_HEADER: sign(body, "report", key)}
        answer = await client.post("/v1/report", body, headers)
    finally:
        await client.close()
    if answer.status != 200:
        raise Refused(answer.error()[1] or f"the report was refused ({answer.status})")
    try:
        return str(msgspec.json.decode(answer.body)["report"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        raise PaddockError("the control plane's answer to the report cannot be read") from None
