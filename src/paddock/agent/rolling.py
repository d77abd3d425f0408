"""The agent's side of the state that rolls with the beats: what is sent stands on disk before."""

import secrets
import time
from pathlib import Path

import msgspec

from paddock.agent.identity import save
from paddock.core.rolling import Holder

# Busy agents beat many times a second; the state rolls no more often than this, for each roll is a write.
ROLL_S = 1.0


class Rolling:
    """`rolling.json` in the state directory. A file that cannot be read is as good as none, and found out as one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._due = 0.0
        self._holder = Holder()
        try:
            self._holder = msgspec.json.decode(path.read_bytes(), type=Holder)
        except (OSError, msgspec.MsgspecError):
            return

    def due(self) -> bool:
        """Whether a beat that is sent now should roll the state."""
        return time.monotonic() >= self._due

    def ahead(self) -> tuple[str, str]:
        """The state and the nonce for a beat, on disk by now. Raises: OSError."""
        before = self._holder.nonce
        shown = self._holder.ahead(secrets.token_hex(6))
        if not before:
            try:
                save(self._path, msgspec.json.encode(self._holder))
            except OSError:
                self._holder.nonce = ""
                raise
        return shown

    def answered(self, state: str, rest: float) -> None:
        """Takes over the next state; it is shown after `rest` seconds."""
        self._holder.answered(state)
        self._due = time.monotonic() + max(ROLL_S, rest * 0.9)
