"""An agent that is only its identity and its rolling state: the agent's own code, over a call instead of a socket."""

import base64
import secrets
from pathlib import Path

import msgspec

from paddock.agent.rolling import Rolling
from paddock.control.activate import activate
from paddock.control.beat import beat
from paddock.control.plane import Control
from paddock.control.tokens import mint
from paddock.core.errors import StaleSession
from paddock.core.ids import ENTROPY_BITS, Mint
from paddock.wire.keys import Signer
from paddock.wire.messages import Activation, Beat, Hello, Reply, encode
from paddock.wire.signing import sign

_replies = msgspec.json.Decoder(Reply)
# Boots follow each other faster than clocks tick here, and sessions sort by their time.
_sessions = Mint(lambda: secrets.randbits(ENTROPY_BITS))
_moment = 0


class Lost(Exception):
    """Another session runs as this agent."""


def _session() -> str:
    global _moment
    _moment += 1
    return _sessions.make("s", 1_700_000_000_000 + _moment)


class Box:
    """One process with a state directory. `crash` is kill -9: what is not on disk is gone."""

    def __init__(self, agent: str, key: Signer, folder: Path) -> None:
        self.agent, self._key, self._folder = agent, key, folder
        self._hello = Hello(name=folder.name, version="1", kinds=("noop",), capabilities=(), slots=1)
        self._rolling: Rolling
        self._replaced = False
        self.crash()

    @classmethod
    async def make(cls, control: Control, folder: Path) -> "Box":
        """A fresh agent, activated with a token of its own."""
        folder.mkdir()
        key = Signer(secrets.token_bytes(32), "agent")
        token = (await mint(control, {}))["token"]
        body = encode(Activation(token=token, public_key=base64.b64encode(key.public).decode(), name=folder.name))
        given = await activate(control, sign(body, "activation", key), body)
        return cls(given.agent, key, folder)

    def crash(self) -> None:
        """Begins a session with what is on disk."""
        self._rolling = Rolling(self._folder / "rolling.json")
        self._boot()

    def _boot(self) -> None:
        self._session, self._seq, self._greeted = _session(), 0, False

    def replaced(self) -> None:
        """Shows once more what state it has, the one in memory; a second time it has ended and is started again."""
        if self._replaced:
            self.crash()
        else:
            self._boot()
        self._replaced = not self._replaced

    def copy(self) -> None:
        """Somebody copies the state directory."""
        target = self._folder.with_name(f"{self._folder.name}-copy")
        target.mkdir()
        rolling = self._folder / "rolling.json"
        if rolling.exists():
            (target / "rolling.json").write_bytes(rolling.read_bytes())

    def twin(self) -> "Box":
        """The copy, started."""
        return Box(self.agent, self._key, self._folder.with_name(f"{self._folder.name}-copy"))

    def compose(self) -> bytes:
        """The next beat; its nonce is on disk by now."""
        state, nonce = self._rolling.ahead()
        self._seq += 1
        hello = None if self._greeted else self._hello
        return encode(
            Beat(agent=self.agent, session=self._session, seq=self._seq, sent=0, hello=hello, state=state, nonce=nonce)
        )

    async def send(self, control: Control, body: bytes, chance: float) -> Reply:
        """The answer to a beat. Raises: Lost."""
        try:
            return _replies.decode(await beat(control, self.agent, sign(body, "beat", self._key), body, chance))
        except StaleSession:
            raise Lost() from None

    def take(self, reply: Reply) -> None:
        """Takes over what was answered."""
        self._greeted = True
        if reply.state:
            self._rolling.answered(reply.state, 0)
