"""The control plane: everything its use cases share, opened and closed as one."""

import asyncio
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from paddock.bus.base import Bus
from paddock.bus.memory import MemoryBus
from paddock.control.alarm import Alarm
from paddock.control.clock import Clock
from paddock.control.door import Door
from paddock.control.keys import Keyring, open_keys
from paddock.control.logs import LogFiles, Logs
from paddock.control.meter import Meter
from paddock.control.presence import Fleet, Idle
from paddock.control.pressure import Pressure
from paddock.control.quiet import Quiet
from paddock.control.redacted_logs import RedactedLogs
from paddock.control.registry import Registry
from paddock.control.vault import Vault
from paddock.core.licences import Licence
from paddock.core.state import Bounds
from paddock.store.base import Store
from paddock.store.records import Project
from paddock.store.sqlite.driver import SqliteStore
from paddock.wire.envelope import Envelope
from paddock.wire.signing import Bearers

if TYPE_CHECKING:
    from paddock.control.offer import Offer
    from paddock.control.replica import Replica

# What replicas tell each other there is news of: jobs to take, projects, and one agent by its id.
WORK = "work"
PROJECTS = "projects"
AGENT = "agent/"
LICENCES = "licences"
SECRETS = "secrets"
# Seconds between two rounds of the reaper while there are leases, or jobs that nobody has taken.
CARE_S = 1.0


class Control:
    """The parts of one control plane. Intervals are milliseconds."""

    def __init__(self, home: Path, store: Store, keys: Keyring, beat_ms: int, lease_ms: int) -> None:
        self.home = home
        self.store = store
        self.beat_ms = beat_ms
        self.lease_ms = lease_ms or 3 * beat_ms
        self.clock = Clock()
        self.bus: Bus = MemoryBus()
        self.vault = Vault(keys.resting)
        self.logs: Logs = RedactedLogs(LogFiles(home / "logs"), self.vault.cover)
        # What it does as one of several on one store; None when it is alone.
        self.replica: Replica | None = None
        self.keys = keys
        keys.signing.on_return = self.stir
        # Good on every replica and after a restart; bearers open nothing but the wake channel.
        self.bearers = Bearers(keys.bearer)
        # Proves that a state that an agent shows is one of ours; see `rolling`.
        self.rolling = blake2b(key=keys.rolling, digest_size=8)
        # How people come in; by default nobody logs in.
        self.door = Door()
        self.fleet = Fleet(())
        self.idle = Idle()
        self.pressure = Pressure(store.backlog)
        self.meter = Meter()
        self.registry = Registry(lambda: self.clock.now())
        # Agents that may hold leases.
        self.holding: set[str] = set()
        self.projects: dict[str, Project] = {}
        # By name; empty: agents are unlimited. When seats are drawn out next, in epoch milliseconds; None: none is.
        self.licences: dict[str, Licence] = {}
        self.seats_at: int | None = None
        # Lane → (jobs that can be claimed, when the next delayed one is due). A hint; the store decides.
        self.lanes: dict[str, tuple[int, int | None]] = {}
        self.lanes_stale = True
        # How often jobs were announced; whoever reads the lanes sees by it whether he read too early.
        self.lanes_told = 0
        # What idle agents were granted ahead of their beat, by agent; see `offer`.
        self.offers: dict[str, Offer] = {}
        # How often the lanes were read.
        self.lanes_reads = 0
        # Monotonic seconds before which the lanes are not read again.
        self.lanes_rest_until = 0.0
        # Epoch milliseconds at which schedules are looked at next, how long changes wait, and budgets.
        self.schedules_at = 0
        self.paced_at = 0
        self.budgets_at = 0
        # The newest seal of the journal, signed; agents keep it as witnesses.
        self.checkpoint: Envelope | None = None
        self.quiet = Quiet()
        self.stirred = asyncio.Event()
        self.alarm = Alarm(self.stirred.set)
        # The most that state may have; when it was swept last, in epoch milliseconds; attempts whose refusal was told.
        self.bounds = Bounds()
        self.state_swept = 0
        self.topics_swept = 0
        # What was read of the journal for those who follow `paddock.jobs`, by the position it stands behind.
        self.job_pages: dict[int, asyncio.Future[Any]] = {}
        self.state_refused: set[tuple[str, int]] = set()

    @classmethod
    async def open(cls, home: Path, *, signer: str, beat_ms: int = 60_000, lease_ms: int = 0) -> Self:
        """Opens the store in the home and picks up where the last process left off; `signer` is its signer's address.

        Raises: StoreUnavailable, NewerSchema, SignerGone, BadKey, OtherKeys.
        """
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        store = await SqliteStore.open(home / "paddock.db")
        try:
            ring = await open_keys(signer, store, Clock().now())
            control = cls(home, store, ring, beat_ms, lease_ms)
            await control.load()
            now = control.clock.now()
            # Whoever held a lease could not renew it while nobody was here.
            await store.forgive(now + control.lease_ms, now)
            if control.licences:
                await store.draw_out_seats(now + 3 * beat_ms, now)
            await store.advance_changes(now)
        except BaseException:
            await store.close()
            raise
        return control

    async def load(self) -> None:
        """Reads what is held in memory."""
        self.fleet = Fleet(await self.store.agents())
        for agent, jobs in (await self.store.holders()).items():
            self.note_leases(agent, len(jobs))
        await self.read_projects()
        await self.read_licences()
        await self.vault.read(self.store)

    async def read_licences(self) -> None:
        """Reads the licences anew; every agent takes its seat and its licence again."""
        self.licences = {licence.name: licence for licence in await self.store.licences()}
        for agent in self.fleet:
            agent.seat_until = agent.licence_due = 0

    async def read_projects(self) -> None:
        """Reads the projects anew."""
        self.projects = {project.name: project for project in await self.store.projects()}

    def note_leases(self, agent: str, leases: int) -> None:
        """Takes note of how many leases an agent holds, as the store counted them."""
        known = self.fleet.get(agent)
        if known is not None:
            known.leases = leases
        if leases:
            self.holding.add(agent)
            self.alarm.by(CARE_S)
        else:
            self.holding.discard(agent)

    def stir(self) -> None:
        """Says that jobs may have become ready: lanes are read anew, idle agents woken, replicas and watchers told."""
        self.recheck()
        self.bus.news(WORK)
        self.bus.news()

    def recheck(self) -> None:
        """Has the lanes read anew, here only."""
        self.lanes_stale = True
        self.stirred.set()

    def tell_of(self, agent: str) -> None:
        """Tells other replicas that the store knows something new of an agent."""
        self.bus.news(AGENT + agent)

    async def close(self) -> None:
        """Lets go of everything."""
        self.door.passwords.close()
        await self.keys.signing.close()
        await self.bus.close()
        await self.store.close()
