"""What a control plane does that is one of several on one store.

It may not believe what it remembers of an agent: another replica may have answered that agent since. The store is
asked at first sight, when an agent's beats do not follow each other here, and whenever the bus or the journal says that
something has changed; every write is fenced by the store besides. What one replica is not told in time, it finds out
at its next pulse.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable

from paddock.bus.base import EVERYTHING, Sighting
from paddock.control.clock import SharedClock
from paddock.control.dispatch import lanes_for
from paddock.control.plane import AGENT, LICENCES, PROJECTS, SECRETS, WORK, Control
from paddock.control.presence import Idle, Presence
from paddock.core import ids
from paddock.core.errors import NotFound, PaddockError
from paddock.store.ops.replicas import NOTE_AFTER
from paddock.store.records import Agent, Pulse

_log = logging.getLogger("paddock.control")
# Seconds between two looks at the store when nothing else happens, at most.
PULSE_S = 5.0
# While nobody holds a lease and the bus tells what happens, it looks so many times less often.
QUIET = 2
# Seconds for which an agent that does not exist is not looked up again, and how many of them are remembered.
_UNKNOWN_S = 2.0
_UNKNOWN_MOST = 1_000
# More agents than this are read all at once.
_MANY = 50


class Replica:
    """This control plane as one of several. Only the reaper calls `round`."""

    def __init__(self, control: Control, first: Pulse) -> None:
        self._control = control
        self._seq = first.seq
        self._every = min(PULSE_S, control.lease_ms / NOTE_AFTER / 1_000)
        self._due = 0.0
        self._fallback_due = 0.0
        self._unknown: dict[str, float] = {}
        # Agents to be read from the store: those unknown, and those that changed.
        self._touched: set[str] = set()
        self._all_touched = False
        # What another replica told of agents that are still to be read.
        self._unmet: dict[str, Sighting] = {}
        # Idle agents that another replica told of, in case it is no longer there to wake them.
        self._elsewhere = Idle()
        self._task: asyncio.Task[None] | None = None
        # Monotonic seconds of the last look that the store answered.
        self._looked = time.monotonic()

    @property
    def well(self) -> bool:
        """Whether the store has answered lately."""
        return time.monotonic() - self._looked < 3 * self._every + 2

    def due_in(self) -> float:
        """Seconds until the next look at the store."""
        return max(0.01, self._due - time.monotonic())

    def due_now(self) -> None:
        """Has the next round look at the store."""
        self._due = 0.0

    def start(self) -> None:
        """Begins to listen to the other replicas."""
        self._task = asyncio.create_task(self._listen(), name="replica")

    async def stop(self) -> None:
        """Stops listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def recognise(self, agent: str) -> Presence | None:
        """An agent that is seen here for the first time; None where the store has none. Raises: StoreUnavailable."""
        now = time.monotonic()
        if not ids.is_id("a", agent) or self._unknown.get(agent, 0) > now:
            return None
        try:
            return self._control.fleet.put(await self._control.store.agent(agent))
        except NotFound:
            if len(self._unknown) >= _UNKNOWN_MOST:
                self._unknown.clear()
            self._unknown[agent] = now + _UNKNOWN_S
            return None

    async def verify(self, agent: Presence, session: str, seq: int) -> None:
        """Sees to it that what is remembered of an agent holds for this beat of it. Raises: StoreUnavailable.

        It does when the beat follows the last one that was answered here: then no other replica has answered between.
        """
        if not agent.stale and session == agent.session and seq <= agent.seq + 1:
            return
        agent.stale = False
        try:
            record, leases = await self._control.store.standing_of(agent.agent)
        except PaddockError:
            agent.stale = True
            raise
        self._control.idle.drop(agent)
        self._elsewhere.drop(agent)
        if record.session != agent.session:
            agent.seq, agent.reply, agent.bearer_at = -1, b"", 0
        agent.update(record)
        self._control.note_leases(agent.agent, leases)

    async def know(self, projects: Iterable[str]) -> None:
        """Reads the projects if one of these is new here. Raises: StoreUnavailable."""
        if not self._control.projects.keys() >= set(projects):
            await self._control.read_projects()

    def tell(self, agent: Presence) -> None:
        """Tells the other replicas of a beat that was answered here."""
        self._elsewhere.drop(agent)
        self._control.bus.seen(Sighting(agent.agent, agent.last_seen, agent.interval, agent.free, agent.session))

    async def round(self, now: int) -> None:
        """The reaper's round: hears of agents, looks at the store when it is time, cares for leases.

        Raises: StoreUnavailable.
        """
        self._meet(self._control.bus.sightings())
        if time.monotonic() < self._due:
            await self._read_touched()
            return
        began = time.monotonic()
        pulse = await self._control.store.pulse()
        self._looked = time.monotonic()
        quiet = pulse.expiry is None and self._control.bus.connected
        self._due = self._looked + self._every * (QUIET if quiet else 1)
        if pulse.schedule is not None:  # another replica may have taken it on
            self._control.schedules_at = min(self._control.schedules_at, pulse.schedule)
        self._follow_clock(pulse.clock + round((self._looked - began) * 500))
        await self._catch_up(pulse.seq)
        await self._keep(pulse, now)

    def _follow_clock(self, reference: int) -> None:
        if isinstance(self._control.clock, SharedClock):
            self._control.clock.follow(reference)

    async def _keep(self, pulse: Pulse, now: int) -> None:
        """Ends leases; and says now and then that somebody does, or the next to look would think that nobody could."""
        lease = self._control.lease_ms
        if pulse.expiry is None or (pulse.expiry > now and now - pulse.kept < lease // NOTE_AFTER):
            return
        lost, forgiven = await self._control.store.keep(lease, now)
        if lost:
            self._control.stir()
        if forgiven:
            _log.warning(
                "nobody could keep %d leases for a while; they last longer",
                forgiven,
                extra={"action": "leases.forgiven"},
            )

    async def _catch_up(self, seq: int) -> None:
        """Picks up what the journal says has happened since the last look, in case the bus did not."""
        if seq != self._seq:
            after, self._seq = self._seq, seq
            self._touch(await self._control.store.agents_touched(after))
            await self._control.read_projects()
            self._control.recheck()
        await self._read_touched(many=True)

    def wake_fallback(self) -> None:
        """Wakes agents that another replica told of, for jobs that none of those here has taken for a second."""
        now = time.monotonic()
        if now < self._fallback_due:
            return
        self._fallback_due = now + 1.0
        control = self._control
        jobs = sum(jobs for jobs, _ in control.lanes.values())
        chosen: list[str] = []
        for _, agents in self._elsewhere.groups():
            if jobs <= len(chosen) or not agents or not lanes_for(control, next(iter(agents.values()))):
                continue
            while agents and len(chosen) < jobs:
                chosen.append(agents.popitem()[0])
        control.bus.wake(chosen)

    async def _listen(self) -> None:
        async for topics in self._control.bus.heard():
            self._meet(self._control.bus.sightings())
            if EVERYTHING in topics:
                self._all_touched = True
                self.due_now()
                for agent in self._control.fleet:
                    agent.stale = True
            self._touch(topic.removeprefix(AGENT) for topic in topics if topic.startswith(AGENT))
            try:
                if PROJECTS in topics or EVERYTHING in topics:
                    await self._control.read_projects()
                if LICENCES in topics or EVERYTHING in topics:
                    await self._control.read_licences()
                if SECRETS in topics or EVERYTHING in topics:
                    await self._control.vault.read(self._control.store)
                await self._read_touched()
            except PaddockError as error:  # the next round tries again
                _log.warning("not caught up: %s", error.message, extra={"action": "replica.behind"})
            if WORK in topics or EVERYTHING in topics:
                self._control.recheck()

    def _touch(self, agents: Iterable[str]) -> None:
        for agent in agents:
            self._touched.add(agent)
            known = self._control.fleet.get(agent)
            if known is not None:
                known.stale = True

    async def _read_touched(self, *, many: bool = False) -> None:
        """Reads the agents that are new or have changed; a known one's session is its next beat's business.

        Many at once, as when a whole fleet boots, are read all together, and only when the store is looked at anyway.
        """
        whole = self._all_touched or len(self._touched) > _MANY
        if whole > many or not (whole or self._touched):
            return
        touched, self._touched, self._all_touched = self._touched, set(), False
        try:
            records = await (self._control.store.agents() if whole else self._records(touched))
        except PaddockError:
            self._touched |= touched
            self._all_touched = whole
            raise
        fleet = self._control.fleet
        for record in records:
            known = fleet.get(record.id)
            if known is None:
                fleet.put(record)
                continue
            # They are listed by what they can do, which may have changed.
            lists = [idle for idle in (self._control.idle, self._elsewhere) if idle.drop(known)]
            known.describe(record)
            self._control.registry.note(known)
            for idle in lists:
                idle.put(known, known.free)
        unmet, self._unmet = self._unmet, {}
        self._meet(seen for agent, seen in unmet.items() if fleet.get(agent) is not None)

    async def _records(self, agents: Iterable[str]) -> list[Agent]:
        found = []
        for agent in agents:
            with contextlib.suppress(NotFound):
                found.append((await self._control.store.standing_of(agent))[0])
        return found

    def _meet(self, sightings: Iterable[Sighting]) -> None:
        for seen in sightings:
            agent = self._control.fleet.get(seen.agent)
            if agent is None:
                self._touched.add(seen.agent)
                self._unmet[seen.agent] = seen
                continue
            if seen.last_seen <= agent.last_seen:
                continue
            agent.last_seen, agent.interval = seen.last_seen, seen.interval
            self._control.registry.note(agent)
            agent.stale = agent.stale or seen.session != agent.session
            self._control.idle.drop(agent)
            self._elsewhere.put(agent, seen.free)
