"""Taking a task: one look and one push on the same connection; again with what has changed when somebody was faster."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from paddock.gitnative.errors import GitUnreachable, ProtocolChanged
from paddock.gitnative.fleet import Agent, Fleet, refusal, unwanted
from paddock.gitnative.home import Held
from paddock.gitnative.locks import try_intent
from paddock.gitnative.objects import EMPTY_TREE, ZERO, Object
from paddock.gitnative.protocol import Push, Report, Update
from paddock.gitnative.records import CLAIMED, Record
from paddock.gitnative.refs import DONE, View
from paddock.gitnative.selection import LARGEST_CHOICE, Filter, at_random, by_rank, free_tasks

TRIES = 12
# The locks of settled tasks stay for at least so many seconds. An exchange that took longer than half of it may have
# seen the refs of before: what it won is looked at again.
SWEEP_AFTER = 600.0
# Pushes that an announced agent makes by its rank: refs that are read while others move may show it wrong for once.
RANKED = 3
# How often an agent that is one too many for the free tasks looks again before it goes for any of them.
LOOKS = 3
# How often it looks again while all free tasks are just being taken by others of its host.
PATIENCE = 50


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A task is held. `token` is the commit that its lock points to; `ms` from the wish to the remote's word."""

    record: Record
    token: str
    tries: int
    ms: float


@dataclass(frozen=True, kw_only=True)
class Missed:
    """No task is held. `lost`: there were some, and others were faster each time."""

    lost: bool
    tries: int
    ms: float


def claim(fleet: Fleet, agent: Agent, want: Filter | None = None, tries: int = TRIES) -> Claimed | Missed:
    """Takes the most urgent task that an agent may take.

    Raises: GitUnreachable, GitRefused when the remote does not answer or does not want any push.
    """
    return _Claim(fleet, agent, want or Filter()).run(tries)


class _Claim:
    def __init__(self, fleet: Fleet, agent: Agent, want: Filter) -> None:
        self._fleet = fleet
        self._agent = agent
        self._want = want
        self._began = time.perf_counter()
        # What was asked for and may have been granted, by task.
        self._asked: dict[str, tuple[Record, Object]] = {}
        self._now: tuple[Record, Object] | None = None
        self._view: View | None = None
        # Tells other agents of this host which task this one goes for.
        self._intent: int | None = None
        self._stale = self._crowded = False
        # The tasks that this look is at; empty: all. `_whole` when it must be at all.
        self._part: list[str] = []
        self._whole = False
        self._looks = self._pushes = self._failures = 0

    def run(self, tries: int) -> Claimed | Missed:
        """Tries until a task is held, none is ready, or the tries are used up."""
        while True:
            self._now, self._stale, self._crowded = None, False, False
            began = time.clock_gettime(time.CLOCK_BOOTTIME)
            keys = self._part = self._candidates()
            try:
                report = self._fleet.exchange(self._decide, keys).report
            except GitUnreachable:
                self._fail("unreachable")
                if self._failures >= tries:
                    raise
                continue
            finally:
                self._let_go()
            if report is None and self._waits():
                continue
            asked = self._taken()
            if asked is None and self._part:  # what is free may be among those that were not looked at
                self._whole = True
                continue
            if asked is None:
                return self._miss(lost=False)
            if report is not None and unwanted(report):
                self._unwanted(report, tries)
                continue
            if report is None or report.ok:
                slow = time.clock_gettime(time.CLOCK_BOOTTIME) - began >= SWEEP_AFTER / 2
                if not slow or self._stands(*asked):
                    return self._won(*asked)
            self._lose(asked[0])
            if self._pushes >= tries:
                return self._miss(lost=True)

    def _let_go(self) -> None:
        if self._intent is not None:
            os.close(self._intent)
            self._intent = None

    def _taken(self) -> tuple[Record, Object] | None:
        return self._now

    def _waits(self) -> bool:
        """Whether nothing was asked for only because this host lacks the tasks, or others are to choose first."""
        if self._stale and self._view is not None:
            self._fleet.board(self._view)
        elif self._crowded:
            self._looks += 1
            self._fleet.pause(0.02 + self._fleet.rng.random() * 0.06)
        return self._stale or self._crowded

    def _unwanted(self, report: Report, tries: int) -> None:
        self._fail("refused")
        if self._view is not None and self._fleet.fall_back(self._view, self._failures):
            return
        if self._failures >= tries:
            raise refusal(self._fleet.remote, report)

    def _candidates(self) -> list[str]:
        """The tasks that are enough to look at, going by what was seen before; none: all must be looked at."""
        fleet, seen = self._fleet, self._fleet.remembered()
        stored = fleet.known(seen) if seen is not None and not self._whole else None
        if seen is None or stored is None:
            return []
        free = free_tasks(fleet.planner.ready(stored, frozenset(seen.completed()), self._want), seen)
        if self._agent.announced:
            rank = sum(name < self._agent.name for name in seen.agents)
            free = free[max(0, rank - LARGEST_CHOICE // 2) :]
        else:
            free = at_random(free, fleet.planner, fleet.rng, self._pushes)
        return [*self._asked, *free[:LARGEST_CHOICE]] if free else []

    def _seen(self, refs: Mapping[str, str]) -> View | None:
        """The view of this look, and of all before it for what it was not at; None when they do not fit together."""
        view, before = self._fleet.view(refs), self._fleet.remembered()
        if self._part:
            if before is None or before.prefix != view.prefix:
                return None
            view = before.renewed(view, self._part)
        self._fleet.remember(view, whole=not self._part)
        return view

    def _decide(self, refs: Mapping[str, str]) -> Push | None:
        fleet, before = self._fleet, self._fleet.coordination
        view = self._view = self._seen(refs)
        if view is None:
            return None
        for record, commit in self._asked.values():
            if view.claims.get(record.key) == commit.id:  # it was granted, only the answer was lost
                self._now = record, commit
                return None
        stored = fleet.known(view)
        if stored is None:
            self._stale = True
            return None
        if stored.coordination.protocol != "refs":
            raise ProtocolChanged
        if fleet.coordination != before:  # the settings that were just read may say that the refs are elsewhere
            view = self._view = self._seen(refs)
            if view is None:
                return None
        fleet.trust.strip(stored, view)
        fleet.trust.check_writer(stored, self._agent.sign is not None)
        ready = fleet.planner.ready(stored, frozenset(view.completed()), self._want)
        key = self._choose(free_tasks(ready, view), view)
        if key is None:
            return None
        mark = view.mark(key)
        project, _, task = key.partition("/")
        now = fleet.now()
        record = Record(
            task=task,
            project=project,
            agent=self._agent.name,
            state=CLAIMED,
            epoch=mark.epoch + 1 if mark else 1,
            losses=mark.losses if mark else 0,
            session=self._agent.session,
            claimed_at=now,
            at=now,
        )
        parents = [mark.oid] if mark else []
        commit = fleet.recorded(self._agent, record, *parents)
        self._now = self._asked[key] = record, commit
        self._pushes += 1
        fleet.home.hold(Held(record=record, tokens=(commit.id,)))
        updates = [Update(view.claim_ref(key), mark.oid if mark else ZERO, commit.id), *view.unmarked(key)]
        if self._agent.name in view.agents:  # it is idle no more
            updates.append(Update(view.agent_ref(self._agent.name), view.agents[self._agent.name], ZERO))
        return Push(updates, [commit, EMPTY_TREE])

    def _choose(self, free: list[str], view: View) -> str | None:
        if not free:
            return None
        if self._agent.name in view.agents and self._pushes < RANKED and self._looks < LOOKS:
            ranked = by_rank(free, view, self._agent.name)
            self._crowded = ranked is None
            return ranked
        if self._agent.announced:  # who holds a task already leaves those alone that fall to the idle
            free = free[len(view.agents) :] or free
        if self._part:
            free = [key for key in free if key in self._part]
            if not free:
                return None
        ordered = at_random(free, self._fleet.planner, self._fleet.rng, self._pushes)
        if self._looks >= PATIENCE:
            return ordered[0]
        for key in ordered:
            self._intent = try_intent(self._fleet.home.places, key)
            if self._intent is not None:
                return key
        # All that is left is being taken by others of this host: the look after this one tells.
        self._crowded = True
        return None

    def _stands(self, record: Record, commit: Object) -> bool:
        """Whether the task that was won is still to be done: its lock may have been swept when it was long done."""
        view, stored = self._fleet.look()
        done = stored.folders.get(record.key) == "completed" or view.state(record.key) == DONE
        if done:  # nobody wants this lock
            gone = Push([Update(view.claim_ref(record.key), commit.id, ZERO)])
            self._fleet.exchange(lambda _refs: gone)
        return not done and view.claims.get(record.key) == commit.id

    def _won(self, record: Record, commit: Object) -> Claimed:
        self._forget(but=record.key)
        ms = (time.perf_counter() - self._began) * 1e3
        self._fleet.events.note(
            "claimed", agent=record.agent, task=record.key, epoch=record.epoch, tries=self._pushes, ms=round(ms, 1)
        )
        return Claimed(record=record, token=commit.id, tries=self._pushes, ms=ms)

    def _lose(self, record: Record) -> None:
        self._fleet.events.note("conflict", agent=self._agent.name, task=record.key)
        self._fleet.pause(self._fleet.rng.random() * 0.01 * self._pushes)

    def _fail(self, kind: str) -> None:
        self._failures += 1
        task = self._now[0].key if self._now else ""
        self._fleet.events.note(kind, agent=self._agent.name, task=task)
        self._fleet.pause(self._fleet.rng.random() * min(2.0, 0.05 * 2**self._failures))

    def _miss(self, *, lost: bool) -> Missed:
        self._forget(but="")
        self._fleet.events.note("missed" if lost else "idle", agent=self._agent.name)
        return Missed(lost=lost, tries=self._pushes, ms=(time.perf_counter() - self._began) * 1e3)

    def _forget(self, but: str) -> None:
        for key in self._asked:
            if key != but:
                self._fleet.home.drop(key, self._agent.name)
