"""What the holder of a task does with its lock: renews it, gives it back, completes the task. Each is a move of the
lock from the commit that the holder knows; who finds another one there has lost it."""

from collections.abc import Callable, Mapping

import msgspec

from paddock.gitnative import records
from paddock.gitnative.errors import ClaimLost, GitUnreachable
from paddock.gitnative.fleet import Agent, Fleet, refusal, unwanted
from paddock.gitnative.home import Held
from paddock.gitnative.objects import EMPTY_TREE, ZERO, Object
from paddock.gitnative.protocol import Push, Update
from paddock.gitnative.records import Record
from paddock.gitnative.refs import DONE, HELD, OPENED, PARKED, View

# Pushes of one write to a remote that fails or refuses; the last one is some twenty seconds after the first.
TRIES = 9
_Marks = Callable[[View, Object], list[Update]]


def beat(fleet: Fleet, agent: Agent, key: str, token: str = "") -> str:
    """Renews a claim and returns its new token.

    Raises: ClaimLost, GitUnreachable, GitRefused.
    """
    with fleet.home.alone(key, agent.name):
        before, known = _holder(fleet, agent, key, token)
        if before.state == records.COMPLETED:
            return known[0]
        record = msgspec.structs.replace(before, state=records.WORKING, at=fleet.now())
        made = _Move(fleet, agent, record, known, lambda _view, _commit: []).run()
    fleet.events.note("beat", agent=agent.name, task=key)
    return made


def complete(fleet: Fleet, agent: Agent, key: str, token: str = "", **told: str) -> str:
    """Completes a task; `told` are fields of the record such as `pr_url`. Completing it twice is harmless.

    Raises: ClaimLost, GitUnreachable, GitRefused.
    """
    with fleet.home.alone(key, agent.name):
        before, known = _holder(fleet, agent, key, token)
        if before.state == records.COMPLETED:
            return known[0]
        record = msgspec.structs.replace(before, state=records.COMPLETED, at=fleet.now(), **told)
        made = _Move(fleet, agent, record, known, lambda view, commit: [view.marked(key, DONE, commit.id)]).run()
        fleet.home.drop(key, agent.name)
    fleet.events.note("completed", agent=agent.name, task=key, epoch=record.epoch)
    return made


def release(fleet: Fleet, agent: Agent, key: str, token: str = "", reason: str = "") -> str:
    """Gives a task back; it counts as no loss.

    Raises: ClaimLost, GitUnreachable, GitRefused.
    """
    with fleet.home.alone(key, agent.name):
        before, known = _working(fleet, agent, key, token)
        record = msgspec.structs.replace(before, state=records.RELEASED, at=fleet.now(), reason=reason[:1_000])
        made = _Move(fleet, agent, record, known, _set_mark(record, OPENED)).run()
        fleet.home.drop(key, agent.name)
    fleet.events.note("released", agent=agent.name, task=key, reason=reason[:200])
    return made


def fail(fleet: Fleet, agent: Agent, key: str, reason: str) -> str:
    """Gives back a task that failed: it counts as a loss, and after too many of them the task waits for a person.

    Raises: ClaimLost, GitUnreachable, GitRefused.
    """
    with fleet.home.alone(key, agent.name):
        before, known = _working(fleet, agent, key, "")
        losses = before.losses + 1
        state, word = (
            (PARKED, records.PARKED) if losses >= fleet.coordination.max_losses else (OPENED, records.RELEASED)
        )
        record = msgspec.structs.replace(before, state=word, losses=losses, at=fleet.now(), reason=reason[:1_000])
        made = _Move(fleet, agent, record, known, _set_mark(record, state)).run()
        fleet.home.drop(key, agent.name)
    fleet.events.note("parked" if state == PARKED else "released", agent=agent.name, task=key, reason=reason[:200])
    return made


def _set_mark(record: Record, state: str) -> _Marks:
    return lambda view, commit: [view.marked(record.key, state, commit.id, epoch=record.epoch, losses=record.losses)]


def _working(fleet: Fleet, agent: Agent, key: str, token: str) -> tuple[Record, tuple[str, ...]]:
    """What the lock says of a task that is not done yet."""
    record, known = _holder(fleet, agent, key, token)
    if record.state == records.COMPLETED:
        raise lost(fleet, agent, key)
    return record, known


def lost(fleet: Fleet, agent: Agent, key: str) -> ClaimLost:
    """The error of an agent that does not hold a task any more."""
    fleet.home.drop(key, agent.name)
    fleet.events.note("lost", agent=agent.name, task=key)
    return ClaimLost(f"{agent.name} does not hold {key} any more")


def _holder(fleet: Fleet, agent: Agent, key: str, token: str) -> tuple[Record, tuple[str, ...]]:
    """What the lock says and the commits by which we know it as ours: those of this host, else the one it stands at.

    A claim that was made elsewhere is taken for ours when its record names this agent.
    """
    noted = fleet.home.held(key, agent.name)
    if noted is not None and (not token or token in noted.tokens):
        return noted.record, noted.tokens
    view = fleet.view()
    at = view.claims.get(key)
    state = view.state(key)
    if at is None or (token and token != at) or state not in (HELD, DONE):
        raise lost(fleet, agent, key)
    record = records.read(fleet.mirror.commits([at])[at])
    if record.agent != agent.name:
        raise lost(fleet, agent, key)
    return record, (at,)


class _Move:
    """One move of a lock, tried until the remote says what came of it."""

    def __init__(self, fleet: Fleet, agent: Agent, record: Record, known: tuple[str, ...], marks: _Marks) -> None:
        self._fleet = fleet
        self._agent = agent
        self._record = record
        self._known = known
        self._marks = marks
        self._made: dict[str, Object] = {}
        self._done = ""
        self._lost = False

    def run(self) -> str:
        fleet = self._fleet
        for left in reversed(range(TRIES)):
            try:
                report = fleet.exchange(self._decide, [self._record.key]).report
            except GitUnreachable:
                fleet.events.note("unreachable", agent=self._agent.name, task=self._record.key)
                if not left:
                    raise
            else:
                if self._lost:
                    raise lost(fleet, self._agent, self._record.key)
                if report is None or report.ok:
                    fleet.home.hold(Held(record=self._record, tokens=(self._done,)))
                    return self._done
                if unwanted(report):
                    fleet.events.note("refused", agent=self._agent.name, task=self._record.key)
                    if not left:
                        raise refusal(fleet.remote, report)
                elif not left:
                    raise lost(fleet, self._agent, self._record.key)
            fleet.pause(fleet.rng.random() * min(6.0, 0.1 * 2 ** (TRIES - left)))
        raise GitUnreachable

    def _decide(self, refs: Mapping[str, str]) -> Push | None:
        view = self._fleet.view(refs)
        key = self._record.key
        at = view.claims.get(key, "")
        if at in self._made:  # it was granted, only the answer was lost
            self._done = at
            return None
        if at not in self._known:
            self._lost = True
            return None
        commit = self._made_on(at)
        self._done = commit.id
        self._fleet.home.hold(Held(record=self._record, tokens=(*self._made, *self._known)))
        updates = [Update(view.claim_ref(key), at, commit.id), *self._marks(view, commit)]
        if self._agent.announced and self._record.state != records.WORKING:
            there = view.agents.get(self._agent.name, ZERO)
            updates.append(Update(view.agent_ref(self._agent.name), there, commit.id))
        return Push(updates, [commit, EMPTY_TREE])

    def _made_on(self, parent: str) -> Object:
        made = self._fleet.recorded(self._agent, self._record, parent)
        self._made[made.id] = made
        return made
