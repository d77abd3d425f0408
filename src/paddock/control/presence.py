"""Who is there: the agents as this process last heard of them. All of it may be lost; the next beats bring it back."""

import base64
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from paddock.core.anomalies import Addresses, Standing
from paddock.core.licences import EVERYTHING, lets
from paddock.core.matching import Candidate
from paddock.core.rolling import Roll
from paddock.store.records import Agent
from paddock.wire.keys import Verifier
from paddock.wire.messages import Check

Profile = tuple[frozenset[str], frozenset[str]]
_NONE: Mapping[str, str] = {}
_NO_KIND: frozenset[str] = frozenset()
# What an agent may run whose licence says nothing about it.
EVERY_KIND: tuple[str, ...] = (EVERYTHING,)


@lru_cache(4_096)
def _shared(kinds: tuple[str, ...], capabilities: tuple[str, ...]) -> Profile:
    """One profile for all agents that say the same: in a large fleet the words would weigh more than the rest."""
    return frozenset(kinds), frozenset(capabilities)


@lru_cache(1_024)
def _withheld(kinds: tuple[str, ...], features: tuple[str, ...]) -> frozenset[str]:
    """The kinds that these features do not let run; many agents share them."""
    return frozenset(kind for kind in kinds if not lets(features, kind))


class Presence:
    """One agent. Written by the beat only, read by dispatch and by the pages."""

    __slots__ = (
        "address",
        "addresses",
        "agent",
        "ailing",
        "bearer_at",
        "capabilities",
        "checks",
        "containment",
        "digest",
        "draining",
        "due",
        "features",
        "followed",
        "free",
        "generation",
        "granted",
        "group",
        "inflight",
        "interval",
        "kept_roll",
        "kinds",
        "labels",
        "last_seen",
        "leases",
        "licence",
        "licence_due",
        "licensed",
        "listed",
        "listed_draining",
        "listening",
        "most",
        "name",
        "reply",
        "roll",
        "running",
        "seat_until",
        "seq",
        "session",
        "slots",
        "stale",
        "standing",
        "standing_due",
        "standing_number",
        "standing_reason",
        "state",
        "unlicensed",
        "verifier",
        "version",
        "withheld",
    )

    def __init__(self, record: Agent) -> None:
        self.agent = record.id
        self.verifier = Verifier(base64.b64decode(record.public_key), "agent")
        self.last_seen = 0
        self.interval = 0
        self.seq = -1
        self.reply = b""
        self.inflight: Any = None
        self.bearer_at = 0
        # Whether another replica may know better; see `replica`.
        self.stale = True
        self.running = 0
        # Where it beats from, and where it did lately once that has changed.
        self.address = ""
        self.addresses: Addresses | None = None
        # Wake channels that are open here.
        self.listening = 0
        # Leases as the store last counted them, and slots that the last beat left free.
        self.leases = 0
        self.free = 0
        # How many statements on keys it had followed at its last beat.
        self.followed = 0
        # The registry's own: where it holds the agent, by what it knows it, and whether that is what the agent says.
        self.group: Profile | None = None
        self.digest = 0
        self.due = 0
        self.listed = False
        self.listed_draining = False
        # Whether it may not have heard yet where it stands.
        self.standing_number, self.standing_due = 0, False
        # Its rolling state as this process knows it, and as the store kept it last.
        self.roll = self.kept_roll = Roll()
        # What its licence lets it run and hold, why it must wait, when its seat lapses and its licence is renewed.
        self.features, self.most, self.unlicensed = EVERY_KIND, 0, ""
        self.seat_until = self.licence_due = 0
        self.licensed = False  # whether it keeps one
        # The state that it was answered last.
        self.state = ""
        self.update(record)

    def update(self, record: Agent) -> None:
        """Takes over what the agent says of itself, and its session."""
        self.generation = record.generation
        self.session = record.session
        self.seat_until = 0  # another replica may have let it go
        self.describe(record)

    def describe(self, record: Agent) -> None:
        """Takes over what the agent says of itself."""
        self.name = record.name
        self.version = record.version
        self.licence = sys.intern(record.licence)
        self.withheld = _withheld(record.kinds, self.features) if self.features != EVERY_KIND else _NO_KIND
        kinds = tuple(kind for kind in record.kinds if kind not in self.withheld) if self.withheld else record.kinds
        self.kinds, self.capabilities = _shared(kinds, record.capabilities)
        self.containment = sys.intern(record.containment)
        self.slots = record.slots
        self.draining = record.draining
        self.labels: Mapping[str, str] = record.labels or _NONE
        self.standing, self.standing_reason = record.standing, record.standing_reason
        self.standing_due = self.standing_due or record.standing_number > self.standing_number
        self.standing_number = record.standing_number
        kept = Roll(*record.roll)
        if kept.number > self.roll.number or kept.number < self.kept_roll.number:  # known elsewhere, or forgotten
            self.roll, self.state = kept, ""
        self.kept_roll = kept
        self.granted: Mapping[str, str] = record.granted or _NONE
        self.feels(record.health)

    def feels(self, checks: tuple[Check, ...]) -> None:
        """Takes over how the agent's checks stand; `ailing` is what keeps it from work, or empty."""
        self.checks = checks
        self.ailing = next((check.name for check in checks if not check.ok and not check.advisory), "")
        if self.standing is not Standing.ACTIVE:
            self.ailing = self.standing.value
            self.seat_until = 0
        self.listed = False

    @property
    def profile(self) -> Profile:
        """What decides which lanes the agent fits; many agents share one."""
        return self.kinds, self.capabilities

    @property
    def expires_at(self) -> int:
        """When it counts as gone unless it beats again: three of its intervals after it was seen."""
        return self.last_seen + 3 * max(self.interval, 1_000)

    def online(self, now: int) -> bool:
        """Seen within three of its intervals."""
        return self.last_seen > 0 and now <= self.expires_at

    def candidate(self, now: int) -> Candidate:
        """What the matcher must know."""
        return Candidate(
            name=self.name,
            kinds=self.kinds,
            capabilities=self.capabilities,
            slots=self.slots,
            running=self.running,
            online=self.online(now),
            draining=self.draining,
            ailing=self.ailing,
            containment=self.containment,
            withheld=self.withheld,
            most=self.most,
            unlicensed=self.unlicensed,
        )


class Idle:
    """Agents whose last beat left slots free, by profile: whom to wake is found without looking at the whole fleet."""

    def __init__(self) -> None:
        self._groups: dict[Profile, dict[str, Presence]] = {}

    def put(self, agent: Presence, free: int) -> None:
        """Notes how many slots an agent has free; none takes it off the list."""
        agent.free = free
        if free > 0:
            self._groups.setdefault(agent.profile, {})[agent.agent] = agent
        else:
            self.drop(agent)

    def drop(self, agent: Presence) -> bool:
        """Takes an agent off the list until its next beat; whether it was on it."""
        group = self._groups.get(agent.profile)
        return group is not None and group.pop(agent.agent, None) is not None

    def groups(self) -> list[tuple[Profile, dict[str, Presence]]]:
        """Every profile with its idle agents."""
        return list(self._groups.items())


class Fleet:
    """Every agent that was ever activated."""

    def __init__(self, agents: Iterable[Agent]) -> None:
        self._by_id = {record.id: Presence(record) for record in agents}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Presence]:
        return iter(self._by_id.values())

    def get(self, agent: str) -> Presence | None:
        """The agent's presence, if it is known."""
        return self._by_id.get(agent)

    def put(self, record: Agent) -> Presence:
        """Adds an agent, or takes over its new record."""
        found = self._by_id.get(record.id)
        if found is None:
            found = self._by_id[record.id] = Presence(record)
        else:
            found.update(record)
        return found
