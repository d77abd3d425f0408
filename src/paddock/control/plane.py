"""The control plane: everything its use cases share, opened and closed as one."""

import asyncio
import os
from pathlib import Path

from paddock.bus.memory import MemoryBus
from paddock.control.clock import Clock
from paddock.control.logs import LogFiles, Logs
from paddock.control.presence import Fleet, Idle
from paddock.store.base import Store
from paddock.store.records import Project
from paddock.store.sqlite.driver import SqliteStore
from paddock.wire.keys import load_or_make
from paddock.wire.signing import Bearers


class Control:
    """The parts of one control plane. Intervals are milliseconds."""

    def __init__(self, home: Path, store: Store, beat_ms: int, lease_ms: int) -> None:
        self.home = home
        self.store = store
        self.beat_ms = beat_ms
        self.lease_ms = lease_ms or 3 * beat_ms
        self.clock = Clock()
        self.bus = MemoryBus()
        self.logs: Logs = LogFiles(home / "logs")
        self.job_key = load_or_make(home / "keys" / "job.key", "job")
        self.directive_key = load_or_make(home / "keys" / "directive.key", "directive")
        # A new secret each time: bearers open nothing but the wake channel and are replaced at the next beat.
        self.bearers = Bearers(os.urandom(32))
        self.fleet = Fleet(())
        self.idle = Idle()
        # Agents that may hold leases.
        self.holding: set[str] = set()
        self.projects: dict[str, Project] = {}
        # Lane → (jobs that can be claimed, when the next delayed one is due). A hint; the store decides.
        self.lanes: dict[str, tuple[int, int | None]] = {}
        self.lanes_stale = True
        # How often jobs were announced; whoever reads the lanes sees by it whether he read too early.
        self.lanes_told = 0
        # Monotonic seconds before which the lanes are not read again.
        self.lanes_rest_until = 0.0
        self.stirred = asyncio.Event()

    @classmethod
    async def open(cls, home: Path, *, beat_ms: int = 60_000, lease_ms: int = 0) -> "Control":
        """Opens the store and picks up where the last process left off."""
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        store = await SqliteStore.open(home / "paddock.db")
        control = cls(home, store, beat_ms, lease_ms)
        now = control.clock.now()
        control.fleet = Fleet(await store.agents())
        for agent, jobs in (await store.holders()).items():
            control.note_leases(agent, len(jobs))
        control.projects = {project.name: project for project in await store.projects()}
        # Whoever held a lease could not renew it while nobody was here.
        await store.forgive(now + control.lease_ms, now)
        await store.advance_changes(now)
        return control

    def note_leases(self, agent: str, leases: int) -> None:
        """Takes note of how many leases an agent holds, as the store counted them."""
        known = self.fleet.get(agent)
        if known is not None:
            known.leases = leases
        if leases:
            self.holding.add(agent)
        else:
            self.holding.discard(agent)

    def stir(self) -> None:
        """Says that jobs may have become ready: lanes are read anew, idle agents woken, watchers told."""
        self.lanes_stale = True
        self.stirred.set()
        self.bus.news()

    async def close(self) -> None:
        """Lets go of everything."""
        await self.bus.close()
        await self.store.close()
