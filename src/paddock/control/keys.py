"""The keys that a control plane signs with. All its replicas hold the same ones; the store remembers which."""

from dataclasses import dataclass
from pathlib import Path

from paddock.core.errors import BadInput
from paddock.store.replicas import ReplicaStore
from paddock.wire.keys import Signer, load_or_make


class OtherKeys(BadInput):
    """The store belongs to a control plane with other keys."""

    code = "other_keys"


@dataclass(frozen=True)
class Keyring:
    """One key for each thing that is signed."""

    job: Signer
    directive: Signer

    @property
    def fleet(self) -> str:
        """A name that all replicas of this control plane share, and no other control plane has."""
        return self.job.keyid


async def open_keys(folder: Path, store: ReplicaStore, now: int) -> Keyring:
    """The keys in the folder; made when neither it nor the store knows any.

    Raises: BadKey, OtherKeys when the store was served with keys that are not these.
    """
    return Keyring(await _open(folder, "job", store, now), await _open(folder, "directive", store, now))


async def _open(folder: Path, role: str, store: ReplicaStore, now: int) -> Signer:
    path, name = folder / f"{role}.key", f"key.{role}"
    known = await store.fact(name)
    hint = (
        "agents trust the keys that they were activated with: copy the keys folder of the replica that wrote the store"
    )
    if known is not None and not path.exists():
        raise OtherKeys(
            f"the store belongs to a control plane with the key {known}, and {path} does not exist", hint=hint
        )
    key = load_or_make(path, role)
    if key.keyid != (known or await store.agree(name, key.keyid, now)):
        raise OtherKeys(f"the store belongs to a control plane with other keys than {path}", hint=hint)
    return key
