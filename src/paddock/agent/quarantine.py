"""Where the agent stands: the control plane's signed word, kept on disk and obeyed over restarts."""

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from paddock.agent.identity import save
from paddock.agent.trust import Trust
from paddock.core.anomalies import Standing
from paddock.core.errors import Refused
from paddock.wire import standing
from paddock.wire.envelope import Envelope, EnvelopeError
from paddock.wire.keys import Verifier

_log = logging.getLogger("paddock.agent")


class Terminated(Refused):
    """This agent was stopped for good."""

    code = "terminated"
    exit_code = 78
    hint = "it comes back as another one: mint a token and activate it with --anew"


class Post:
    """`standing.json`. A file that cannot be believed keeps the agent from work until the next word arrives."""

    def __init__(self, path: Path, trust: Trust, agent_key: str) -> None:
        self._path = path
        self._mine = (trust.identity.agent, agent_key, trust.identity.generation)
        self._trust = trust
        self.standing = Standing.ACTIVE
        self.number = 0
        self.reason = ""
        # What the control plane should hear of it.
        self.tampered = ""
        self.on_change: Callable[[], None] = lambda: None
        try:
            self._stand(self._read(msgspec.json.decode(path.read_bytes(), type=Envelope), trust.ever))
        except FileNotFoundError:
            pass
        except (EnvelopeError, msgspec.MsgspecError, OSError) as error:
            self.tampered = f"{path.name}: {error}"
            self.standing, self.reason = Standing.QUARANTINED, f"{path} cannot be believed"

    @property
    def works(self) -> bool:
        """Whether the agent may take work."""
        return self.standing is Standing.ACTIVE

    def doubt(self, what: str) -> None:
        """Keeps the agent from work until the next word, for something on this host is not as it was written."""
        self.tampered = self.tampered or what
        if self.works:
            self.standing, self.reason = Standing.QUARANTINED, what

    def check(self) -> None:
        """Raises: Terminated."""
        if self.standing is Standing.TERMINAL:
            raise Terminated(f"this agent was stopped for good: {self.reason}" if self.reason else "")

    def take(self, envelope: Envelope) -> None:
        """Obeys a word that is newer than the last one, once it is on disk; any other is ignored."""
        try:
            order = self._read(envelope, self._trust.now)
            if order.number <= self.number:
                return
            save(self._path, msgspec.json.encode(envelope))
        except EnvelopeError as error:
            _log.warning(
                "a word on our standing does not hold: %s", error.message, extra={"action": "standing.refused"}
            )
            return
        except OSError as error:  # obeyed all the same; the next session is told again
            _log.warning("%s cannot be written: %s", self._path, error, extra={"action": "standing.lost"})
        self._stand(order)
        _log.warning("this agent is %s now: %s", self.standing, self.reason, extra={"action": "standing.changed"})
        self.on_change()

    def _read(self, envelope: Envelope, keys: dict[str, Verifier]) -> standing.Order:
        order = standing.read(envelope, keys)
        if (order.agent, order.agent_key, order.generation) != self._mine:
            raise EnvelopeError("it is another agent's")
        return order

    def _stand(self, order: standing.Order) -> None:
        self.standing, self.number, self.reason = order.standing, order.number, order.reason
