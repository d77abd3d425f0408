"""The agent's licence: kept on disk, verified here, and obeyed whether or not the control plane can be reached."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paddock.agent.clock import Clock
from paddock.agent.identity import save
from paddock.agent.trust import Trust
from paddock.core.fingerprint import Match, compare
from paddock.core.tokens import Binding
from paddock.wire import licence
from paddock.wire.envelope import EnvelopeError
from paddock.wire.licence import Claims

_log = logging.getLogger("paddock.agent")
FILE = "licence.jwt"
GRACE_EXHAUSTED = "GRACE_EXHAUSTED"
NOT_LICENSED = "not_licensed"
# Why an order is refused, or no order is asked for: a code and what it means here.
Against = tuple[str, str]


class Licensing:
    """`licence.jwt`. Without one an agent is unlimited; one that cannot be believed keeps it from work."""

    def __init__(self, path: Path, trust: Trust, agent_key: str, clock: Clock, host: Mapping[str, str]) -> None:
        self._path = path
        self._mine = (trust.identity.agent, agent_key, trust.identity.generation)
        self._trust = trust
        self._clock = clock
        self._host = host
        self.claims: Claims | None = None
        # What the control plane should hear of it.
        self.tampered = ""
        try:
            self._hold(licence.read(path.read_text("ascii"), trust.ever, self._mine))
        except FileNotFoundError:
            pass
        except (EnvelopeError, OSError, UnicodeDecodeError) as error:
            self.tampered = f"{path.name}: {error}"

    def take(self, token: str) -> bool:
        """Takes over a licence that is newer than the one that is kept; whether it is another one now."""
        try:
            told = licence.read(token, self._trust.now, self._mine)
        except EnvelopeError as error:
            _log.warning("a licence does not hold: %s", error.message, extra={"action": "licence.refused"})
            return False
        if self.claims is not None and told.iat < self.claims.iat:
            return False
        try:
            if told.licence:
                save(self._path, token.encode())
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:  # obeyed all the same; the next session is handed it again
            _log.warning("%s cannot be written: %s", self._path, error, extra={"action": "licence.lost"})
        self._hold(told)
        return True

    def _hold(self, told: Claims) -> None:
        self._clock.signed(told.iat * 1_000)
        self.claims = told if told.licence else None

    def against(self, kind: str = "") -> Against | None:
        """What keeps the agent from new work, or from jobs of this kind; None when nothing does."""
        found = self.claims
        if found is None:
            return None
        now = self._clock.now() // 1_000
        if now >= found.exp:
            return NOT_LICENSED, f"licence {found.licence} has expired"
        if found.grace and now >= found.iat + found.grace:
            return GRACE_EXHAUSTED, f"nothing was heard from the control plane for {found.grace} s"
        if found.binding is Binding.REQUIRED and compare(found.host, self._host).match is Match.MISMATCH:
            return NOT_LICENSED, f"licence {found.licence} is bound to another host"
        if kind and not found.lets(kind):
            return NOT_LICENSED, f"licence {found.licence} does not cover {kind} jobs"
        return None

    def room(self, free: int, held: int) -> int:
        """How many of the free slots may be used by an agent that holds so many jobs."""
        if self.claims is None or not self.claims.max_tasks:
            return free
        return max(0, min(free, self.claims.max_tasks - held))

    def facts(self) -> dict[str, Any] | None:
        """What `paddock status` shows of it; times are epoch milliseconds. None without a licence."""
        found = self.claims
        if found is None:
            return None
        return {
            "licence": found.licence,
            "plan": found.plan,
            "max_agents": found.max_agents,
            "max_tasks": found.max_tasks,
            "features": found.features,
            "channel": found.channel,
            "binding": found.binding,
            "expires": found.exp * 1_000,
            "grace_until": (found.iat + found.grace) * 1_000 if found.grace else None,
        }
