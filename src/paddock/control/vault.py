"""The values of secrets: encrypted in the store, open in memory, sealed to the agent that gets a job.

The key to the store's copies comes from the signer and is in no store and no backup of one.
"""

import base64
import binascii
import json
from collections.abc import Callable

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from paddock.control.presence import Presence
from paddock.core.redaction import Redactor, redact
from paddock.store.records import Granted
from paddock.store.secrets import SecretStore
from paddock.wire.sealing import seal_values

# What stands in the stored scope of every job that names secrets.
_MARK = '"secrets"'


class Vault:
    """What a control plane holds of secrets, by project and name."""

    def __init__(self, key: bytes) -> None:
        self._box = SecretBox(key)
        self._values: dict[tuple[str, str], str] = {}
        self._cover: Callable[[bytes], bytes] = redact

    def holds(self, project: str, name: str) -> bool:
        """Whether this control plane's keys open it."""
        return (project, name) in self._values

    def cover(self, data: bytes) -> bytes:
        """Some output with every secret in it covered, at its length."""
        return self._cover(data)

    def rest(self, project: str, name: str, value: str) -> str:
        """A value as it is stored: it opens only under its own project and name."""
        return base64.b64encode(self._box.encrypt(json.dumps([project, name, value]).encode())).decode()

    def _wake(self, project: str, name: str, sealed: str) -> str | None:
        try:
            found = json.loads(self._box.decrypt(base64.b64decode(sealed)))
        except (CryptoError, binascii.Error, ValueError, TypeError):
            return None
        return str(found[2]) if found[:2] == [project, name] else None

    async def read(self, store: SecretStore) -> None:
        """Reads the secrets anew; one that these keys do not open counts as missing."""
        found = {}
        for kept in await store.secrets():
            value = self._wake(kept.project, kept.name, kept.sealed)
            if value is not None:
                found[kept.project, kept.name] = value
        self._values = found
        self._cover = Redactor(found.values()).cover if found else redact

    def lend(self, agent: Presence, job: Granted) -> str:
        """The values that a job names, sealed to its agent for this attempt; nothing when it names none we have."""
        if not self._values or _MARK not in job.scope:
            return ""
        names = json.loads(job.scope).get("secrets", ())
        values = {name: self._values[job.project, name] for name in names if (job.project, name) in self._values}
        return seal_values(agent.verifier.public, job.id, job.epoch, values) if values else ""
