"""Anomalies: what can be found about an agent, and what follows at once."""

from enum import StrEnum
from typing import NamedTuple


class Standing(StrEnum):
    """Whether an agent may work: it does, it takes none until a person lifts it, or it is stopped for good."""

    ACTIVE = "active"
    QUARANTINED = "quarantined"
    TERMINAL = "terminal"


class Act(StrEnum):
    """What an anomaly does before anybody has looked at it."""

    QUARANTINE = "quarantine"
    WAIT = "wait"
    NOTE = "note"


class Type(NamedTuple):
    """What an anomaly means, what it does at once, and whether an agent itself may tell of it."""

    about: str
    act: Act
    told_by_agent: bool = False


CLONE = "suspected_clone"
# What resolving one of these allows: the next session binds the agent to the host that it comes from.
MOVED_HOST = ("binding_broken", "fingerprint_mismatch")
# Only what nobody but the agent's own key can provoke quarantines at once: else any stranger could stop a fleet.
TYPES = {
    "operator": Type("a person has put it in quarantine", Act.QUARANTINE),
    CLONE: Type("two processes hold its state directory: it was copied, or put back", Act.QUARANTINE),
    "binding_broken": Type("it runs on another host than the one that it must stay on", Act.QUARANTINE),
    "fingerprint_mismatch": Type("it runs on another host than before", Act.WAIT),
    "tampered_state": Type("files of its state directory are not as it wrote them", Act.QUARANTINE, True),
    "tampered_bundle": Type("the installed program is not as it was installed", Act.QUARANTINE, True),
    "tampered_order": Type("it was handed an order that is not the control plane's for it", Act.WAIT, True),
    "journal_denied": Type("a checkpoint denies the one that it was handed before", Act.WAIT, True),
    "clock_skew": Type("its clock is far from the control plane's", Act.WAIT, True),
    "bad_signature": Type("a request in its name was not signed with its key", Act.WAIT),
    "token_reused": Type("somebody else tried the token that made it", Act.WAIT),
    "impossible_activation": Type("it was activated by a request of another time", Act.WAIT),
    "address_churn": Type("it comes from ever other addresses", Act.NOTE),
    "outcome_without_lease": Type("it told of the end of an attempt that it never held", Act.WAIT),
}
FROM_AGENTS = frozenset(name for name, type_ in TYPES.items() if type_.told_by_agent)


# Of how long ago a request may be that activates an agent; clocks may differ by as much.
ACTIVATION_MS = 3_600_000
# So many addresses of an agent within so long are worth a note; milliseconds.
ADDRESSES, ADDRESSES_MS = 4, 600_000


def impossible(sent: int, minted: int, now: int) -> str:
    """Why an activation that was signed at that moment cannot be an honest one; empty when it can be.

    All are epoch milliseconds.
    """
    if sent < minted - ACTIVATION_MS:
        return "it was signed before the token existed"
    return "it was signed at another time" if abs(now - sent) > ACTIVATION_MS else ""


class Addresses:
    """The last addresses that an agent came from, each with the moment; a person is told when they are many."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def many(self, address: str, now: int) -> tuple[str, ...]:
        """All of them, when another one makes them too many; then they are forgotten."""
        self._seen = {one: at for one, at in self._seen.items() if now - at <= ADDRESSES_MS}
        self._seen[address] = now
        if len(self._seen) < ADDRESSES:
            return ()
        found, self._seen = tuple(self._seen), {}
        return found


def lifts(open_: frozenset[str]) -> bool:
    """Whether an agent with these open anomalies may work again."""
    return not any(TYPES[name].act is Act.QUARANTINE for name in open_ if name in TYPES)
