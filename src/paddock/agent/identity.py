"""Who the agent is: its key, its id and the control plane's keys, in a state directory that one process may use."""

import base64
import binascii
import fcntl
import os
import time
from pathlib import Path

import msgspec

from paddock import __version__
from paddock.agent.http import Client
from paddock.core.errors import BadInput, PaddockError, Refused, Unreachable
from paddock.wire.keys import Signer, Verifier, load_or_make
from paddock.wire.messages import Activated, Activation, ControlKey, encode
from paddock.wire.signing import SIGNATURE_HEADER, sign


class StateInUse(BadInput):
    """Another agent runs on this state directory."""

    code = "state_in_use"
    hint = "give each agent a state directory of its own"


class NotActivated(BadInput):
    """This agent has not been activated."""

    code = "not_activated"
    hint = "mint a token with `paddock token mint` and give it in PADDOCK_TOKEN or with --token-file"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """`agent.json`: what activation gave."""

    agent: str
    generation: int
    server: str
    keys: tuple[ControlKey, ...]
    # Proves that nothing of it was changed; see agent/tampering.py.
    seal: str = ""
    # How many statements on keys were followed; left out while it is none.
    followed: int | msgspec.UnsetType = msgspec.UNSET

    def verifiers(self) -> dict[str, Verifier]:
        """The control plane's public keys by key id; each is good for its one role."""
        return {key.keyid: Verifier(base64.b64decode(key.key), key.role) for key in self.keys}


def lock_state(state: Path) -> int:
    """Takes the state directory for this process; the descriptor holds it. Raises: StateInUse."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise StateInUse(f"another agent runs on {state}") from None
    return handle


def agent_key(state: Path) -> Signer:
    """The agent's own key; made at the first start."""
    return load_or_make(state / "agent.key", "agent")


def load(state: Path) -> Identity:
    """Raises: NotActivated, BadInput when the file cannot be read."""
    path = state / "agent.json"
    try:
        identity = msgspec.json.decode(path.read_bytes(), type=Identity)
        identity.verifiers()
    except FileNotFoundError:
        raise NotActivated() from None
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise BadInput(
            f"{path} cannot be read: {error}", hint="activate the agent anew in an empty directory"
        ) from None
    return identity


async def activate(state: Path, server: str, name: str, token: str) -> Identity:
    """Redeems an activation token for this state directory's key.

    Raises: Refused, Unreachable.
    """
    key = agent_key(state)
    body = encode(
        Activation(
            token=token,
            public_key=base64.b64encode(key.public).decode(),
            name=name,
            version=__version__,
            sent=time.time_ns() // 1_000_000,
        )
    )
    client = Client(server)
    try:
        answer = await client.post("/v1/activate", body, {SIGNATURE_HEADER: sign(body, "activation", key)})
    finally:
        await client.close()
    if answer.status >= 500:
        raise Unreachable(answer.error()[1] or f"the control plane answers {answer.status}")
    if answer.status != 200:
        raise Refused(answer.error()[1] or f"activation was refused ({answer.status})", hint="mint a fresh token")
    try:
        given = msgspec.json.decode(answer.body, type=Activated)
    except msgspec.MsgspecError:
        raise PaddockError("the control plane's answer to the activation cannot be read") from None
    identity = Identity(
        agent=given.agent,
        generation=given.generation,
        server=server,
        keys=given.keys,
        followed=given.followed or msgspec.UNSET,
    )
    save(state / "agent.json", msgspec.json.encode(identity))
    return identity


def save(path: Path, content: bytes) -> None:
    """Replaces a file of the state directory; once this returns, the new content outlives a power cut."""
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
