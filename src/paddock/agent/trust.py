"""Whom the agent believes: the control plane's keys as activation gave them, and as statements changed them since."""

import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec

from paddock.agent.identity import Identity, save
from paddock.agent.tampering import seal
from paddock.wire import rotation
from paddock.wire.envelope import Envelope, EnvelopeError
from paddock.wire.keys import Signer
from paddock.wire.messages import ControlKey

_log = logging.getLogger("paddock.agent")


class Trust:
    """The keys in `agent.json`. `now` are those that are taken, `ever` also those that have ended: what the agent keeps
    was signed in their time. Both change in place."""

    def __init__(self, path: Path, identity: Identity, key: Signer) -> None:
        self._path = path
        self.identity = identity
        # What keeps the agent's own word that nobody else has changed the file.
        self._key = key
        self.now = rotation.good(identity.keys)
        self.ever = rotation.ever(identity.keys)

    @property
    def keys(self) -> tuple[ControlKey, ...]:
        """Every key that was believed once."""
        return self.identity.keys

    @property
    def followed(self) -> int:
        """How many statements on keys were followed."""
        return self.identity.followed or 0

    def follow(self, chain: Sequence[Envelope]) -> None:
        """Follows statements that come next, up to the first that does not hold."""
        known = self.identity
        for statement in chain:
            try:
                keys, followed = rotation.follow(known.keys, known.followed or 0, statement)
            except EnvelopeError as error:
                _log.error("a statement on keys does not hold: %s", error.message, extra={"action": "keys.refused"})
                break
            if followed != (known.followed or 0):
                known = msgspec.structs.replace(known, keys=keys, followed=followed)
        if known is self.identity:
            return
        known = seal(known, self._key)
        try:
            save(self._path, msgspec.json.encode(known))
        except OSError as error:  # believed all the same; after a restart they are followed again
            _log.warning("%s cannot be written: %s", self._path, error, extra={"action": "keys.lost"})
        self.identity = known
        for have, found in ((self.now, rotation.good(known.keys)), (self.ever, rotation.ever(known.keys))):
            have.clear()
            have.update(found)
        newest = {role: rotation.newest(known.keys, role).keyid for role in {key.role for key in known.keys}}
        _log.warning("the control plane's keys are now %s", newest, extra={"action": "keys.changed"})
