"""The keys of a control plane as it knows them: public ones, and who signs. All its replicas go by the same ones."""

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from paddock.control.signing import Signing
from paddock.core.errors import BadInput
from paddock.store.replicas import ReplicaStore
from paddock.wire import rotation
from paddock.wire.envelope import Envelope, payload_type
from paddock.wire.envelope import Signature as Named
from paddock.wire.keys import BadKey, Verifier
from paddock.wire.messages import ControlKey
from paddock.wire.signer import ROLES, Answer, Asked, Derive, Derived, Failed, Show, Shown, Signed, Statement, Told

# CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SETUID, CAP_SYS_PTRACE, CAP_SYS_ADMIN.
_OVER_OTHERS = 1 << 1 | 1 << 2 | 1 << 7 | 1 << 19 | 1 << 21


_COPY = "agents trust the keys that they were activated with: copy the keys folder of the replica that wrote the store"


class OtherKeys(BadInput):
    """The store belongs to a control plane with other keys."""

    code = "other_keys"


class Keyring:
    """What the signer has shown of its keys, and the way to ask it."""

    def __init__(self, signing: Signing, shown: Shown, bearer: bytes, rolling: bytes, resting: bytes) -> None:
        self.signing = signing
        self.shown = shown
        # Secrets that open wake channels and mark rolling states; no signature can be made with them.
        self.bearer, self.rolling = bearer, rolling
        # Opens what the store keeps encrypted.
        self.resting = resting
        # Whether this process could not read the signer's memory and files if it wanted to.
        self.apart = shown.uid != os.geteuid() and not _powerful()

    @property
    def keys(self) -> tuple[ControlKey, ...]:
        """Every public key there was."""
        return self.shown.ring.keys

    @property
    def chain(self) -> tuple[Envelope, ...]:
        """The statements by which keys followed each other."""
        return self.shown.ring.chain

    @property
    def fleet(self) -> str:
        """A name that all replicas of this control plane share, and no other control plane has."""
        return first(self.keys, "job")

    def verifier(self, role: str) -> Verifier:
        """The key that signs now in this role."""
        return rotation.verifier(rotation.newest(self.keys, role))

    async def ask(self, *parts: Asked) -> Answer:
        """The signer's answer; where its keys have changed since, they are known when this returns.

        Raises: SignerGone.
        """
        answer = await self.signing.ask(*parts)
        if answer.ring != len(self.chain):
            await self.look()
        return answer

    async def look(self) -> None:
        """Has the signer show itself anew. Raises: SignerGone, BadKey."""
        self.take(await self.signing.one(Show()))

    def take(self, told: Told) -> None:
        """Takes over what the signer shows of itself. Raises: BadKey."""
        if not isinstance(told, Shown):
            refuse(told)
        self.shown = told

    async def seal(self, body: bytes, purpose: str) -> Envelope:
        """The body in an envelope that the signer has signed for this purpose. Raises: SignerGone, BadKey."""
        answer = await self.ask(Statement(purpose, body))
        return envelope(body, purpose, answer.parts[0])


def _powerful() -> bool:
    """Whether this process may pass over who owns a file or a process."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        held = int(next(line for line in lines if line.startswith("CapEff:")).split()[1], 16)
    except (OSError, StopIteration, ValueError):
        return os.geteuid() == 0
    return bool(held & _OVER_OTHERS)


def envelope(body: bytes, purpose: str, told: Told) -> Envelope:
    """The body with the signature that was given for it. Raises: BadKey."""
    if not isinstance(told, Signed):
        refuse(told)
    text = base64.b64encode(body).decode()
    return Envelope(payload_type(purpose), text, (Named(told.keyid, base64.b64encode(told.sig).decode()),))


def refuse(told: Told) -> NoReturn:
    """Raises what the signer said went wrong."""
    if isinstance(told, Failed):
        raise BadKey(told.message, hint=told.hint)
    raise BadKey("the signer answers something else than it was asked")


def first(keys: Sequence[ControlKey], role: str) -> str:
    """The id of the key that a role began with: it never changes."""
    return next(key.keyid for key in keys if key.role == role and key.number == 1)


async def open_keys(address: str, store: ReplicaStore, now: int) -> Keyring:
    """The keys of the signer at this address; those that the store was served with first.

    Raises: SignerGone, BadKey, OtherKeys when the store was served with keys that are not these.
    """
    signing = Signing(address)
    try:
        return await _open(signing, store, now)
    except BaseException:
        await signing.close()
        raise


async def _open(signing: Signing, store: ReplicaStore, now: int) -> Keyring:
    known = await store.fact("key.job")
    # Where the store knows a key, another one is of no use.
    told = (await signing.ask(Show(make=known is None), Derive("bearer"), Derive("rolling"), Derive("resting"))).parts
    shown, bearer, rolling, resting = told
    if known is not None and isinstance(shown, Failed) and shown.code == "no_keys":
        raise OtherKeys(f"the store belongs to a control plane with the key {known}, and {shown.message}", hint=_COPY)
    if not isinstance(shown, Shown):
        refuse(shown)
    secrets = [part.secret for part in (bearer, rolling, resting) if isinstance(part, Derived)]
    if len(secrets) < 3:
        refuse(next((part for part in told if isinstance(part, Failed)), shown))
    for role in ROLES:
        await _agree(store, role, first(shown.ring.keys, role), now)
    return Keyring(signing, shown, *secrets)


async def _agree(store: ReplicaStore, role: str, keyid: str, now: int) -> None:
    known = await store.fact(f"key.{role}") or await store.agree(f"key.{role}", keyid, now)
    if known != keyid:
        raise OtherKeys(
            f"the store belongs to a control plane with the key {known}, and the signer has {keyid}",
            hint=_COPY,
        )


def public_view(keys: Sequence[ControlKey]) -> list[dict[str, object]]:
    """The keys as JSON, the newest of each role first."""
    ordered = sorted(keys, key=lambda key: (key.role, -key.number))
    return [{name: getattr(key, name) for name in ("role", "number", "keyid", "key", "ended")} for key in ordered]
