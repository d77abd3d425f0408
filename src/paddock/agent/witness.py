"""The agent as a witness: it keeps the newest checkpoint that it was handed, and tells when a later one denies it."""

import logging
from pathlib import Path

import msgspec

from paddock.agent.identity import save
from paddock.agent.trust import Trust
from paddock.core.chain import contradicts
from paddock.wire import audit
from paddock.wire.audit import Checkpoint, Testimony
from paddock.wire.envelope import Envelope, EnvelopeError

_log = logging.getLogger("paddock.agent")


class Witness:
    """`witness.json` in the state directory. A complaint stays until a person has moved the file away."""

    def __init__(self, path: Path, trust: Trust) -> None:
        self._path = path
        self._trust = trust
        self._kept: Checkpoint | None = None
        self.complaint = ""
        try:
            found = msgspec.json.decode(path.read_bytes(), type=Testimony)
            self._envelope = found.checkpoint
            self._kept = audit.read(found.checkpoint, trust.ever)
            self.complaint = found.complaint
        except FileNotFoundError:
            pass
        except (EnvelopeError, msgspec.MsgspecError, OSError) as error:
            _log.warning("%s cannot be read: %s", path, error, extra={"action": "witness.lost"})

    @property
    def number(self) -> int:
        """The number of the seal that it knows; 0 for none."""
        return self._kept.number if self._kept else 0

    def take(self, envelope: Envelope) -> None:
        """Keeps a checkpoint that is newer than the one it has, unless it denies that one."""
        try:
            told = audit.read(envelope, self._trust.now)
        except EnvelopeError as error:
            _log.warning("a checkpoint does not hold: %s", error.message, extra={"action": "witness.refused"})
            return
        if self.complaint:
            return
        if self._kept is not None:
            self.complaint = contradicts(self._kept.witnessed, told.witnessed)
        if self.complaint:
            _log.error(self.complaint, extra={"action": "witness.denied"})
            self._save(
                Testimony(checkpoint=self._envelope, keys=self._trust.keys, complaint=self.complaint, against=envelope)
            )
        elif told.number > self.number:
            self._kept, self._envelope = told, envelope
            self._save(Testimony(checkpoint=envelope, keys=self._trust.keys))

    def _save(self, testimony: Testimony) -> None:
        try:
            save(self._path, msgspec.json.encode(testimony))
        except OSError as error:
            _log.warning("%s cannot be written: %s", self._path, error, extra={"action": "witness.lost"})
