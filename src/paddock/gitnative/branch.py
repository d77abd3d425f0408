"""The older protocol: a task's file moves on the branch that everybody pushes to, and the first push wins.

Every claim fights every other one there, whatever the tasks. What helps is to lose politely: longer and longer pauses
with chance in them, the longer the more conflicts this host has seen, and few pushes at a time. For repositories whose
agents do it that way; `claiming` is the better one.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from paddock.gitnative import edit, layouts, records, toon
from paddock.gitnative.claiming import Claimed, Missed
from paddock.gitnative.errors import ClaimLost, GitUnreachable, ProtocolChanged
from paddock.gitnative.fleet import Agent, Fleet, refusal, unwanted
from paddock.gitnative.home import Held
from paddock.gitnative.locks import place
from paddock.gitnative.mirror import Stored
from paddock.gitnative.objects import commit_text, make, signed
from paddock.gitnative.protocol import Push, Report, Update
from paddock.gitnative.records import Record
from paddock.gitnative.selection import Filter
from paddock.gitnative.stalls import Swept, observe
from paddock.gitnative.tasks import Task
from paddock.gitnative.trees import edited

TRIES = 12
# Seconds of the first and the longest pause; the first grows with the share of conflicts on this host.
FIRST, LONGEST = 1.0, 16.0
# Pushes at a time of all agents on this host.
PLACES = 20
# Path → text, or None for what goes away.
_Changes = dict[str, str | None]
# Events that the share of conflicts is told by.
_RECENT = 200
_FASTER = "other pushes were always faster; try again"


def conflict_rate(fleet: Fleet) -> float:
    """The share of this host's latest pushes that came too late."""
    kinds = [str(row.get("kind")) for row in fleet.events.read()[-_RECENT:]]
    lost, won = kinds.count("conflict"), kinds.count("claimed")
    return lost / max(1, lost + won)


def backoff(attempt: int, rate: float, chance: float) -> float:
    """Seconds to wait after losing for the `attempt`th time: between one and two of the base, doubled each time."""
    base = FIRST * (1 + rate) * 2.0 ** (attempt - 1)
    return min(LONGEST, base * (1 + chance))


def claim(fleet: Fleet, agent: Agent, want: Filter | None = None, tries: int = TRIES) -> Claimed | Missed:
    """Takes the most urgent task by moving its file to `claimed/`.

    Raises: GitUnreachable, GitRefused.
    """
    began = time.perf_counter()
    fleet.pause(fleet.rng.random() * conflict_rate(fleet))
    for attempt in range(1, tries + 1):
        state = _State.fetch(fleet)
        fleet.trust.check_writer(state.stored, agent.sign is not None)
        ready = fleet.planner.ready(state.stored, frozenset(), want or Filter())
        if not ready:
            fleet.events.note("idle", agent=agent.name)
            return Missed(lost=False, tries=attempt - 1, ms=(time.perf_counter() - began) * 1e3)
        key = fleet.rng.choice(fleet.planner.best(ready))
        record = _claimed(fleet, agent, state, key)
        report = state.push(agent, records.subject(record), _into_claimed(state, record, attempt))
        if report is not None and report.ok:
            fleet.home.hold(Held(record=record, tokens=(record.session,)))
            ms = (time.perf_counter() - began) * 1e3
            fleet.events.note("claimed", agent=agent.name, task=key, epoch=record.epoch, tries=attempt, ms=round(ms, 1))
            return Claimed(record=record, token=record.session, tries=attempt, ms=ms)
        if report is not None and unwanted(report) and attempt == tries:
            raise refusal(fleet.remote, report)
        fleet.events.note("refused" if report and unwanted(report) else "conflict", agent=agent.name, task=key)
        if attempt < tries:
            fleet.pause(backoff(attempt, conflict_rate(fleet), fleet.rng.random()))
    fleet.events.note("missed", agent=agent.name)
    return Missed(lost=True, tries=tries, ms=(time.perf_counter() - began) * 1e3)


def beat(fleet: Fleet, agent: Agent, key: str, token: str = "") -> str:
    """Renews a claim in its file.

    Raises: ClaimLost, GitUnreachable, GitRefused.
    """

    def change(held: "_Held") -> _Changes:
        section = {**held.section, "last_heartbeat": fleet.now()}
        return {held.task.path: edit.with_section(held.text, "claim", section)}

    session = _change(fleet, agent, key, token, records.WORKING, change)
    fleet.events.note("beat", agent=agent.name, task=key)
    return session


def complete(fleet: Fleet, agent: Agent, key: str, token: str = "", **told: str) -> str:
    """Moves the file to `completed/` and opens what has waited for it.

    Raises: ClaimLost, GitUnreachable, GitRefused.
    """

    def change(held: "_Held") -> _Changes:
        done = {"status": "completed", "completed_at": fleet.now(), "completed_by": agent.name, **told}
        text = edit.with_section(edit.with_status(held.text, "completed"), "completion", done)
        return {held.task.path: None, _moved(held.task, layouts.COMPLETED): text, **held.state.opened_by(key)}

    session = _change(fleet, agent, key, token, records.COMPLETED, change)
    fleet.home.drop(key, agent.name)
    fleet.events.note("completed", agent=agent.name, task=key)
    return session


def release(fleet: Fleet, agent: Agent, key: str, token: str = "", reason: str = "") -> str:
    """Moves the file back; what the claim said stays in it.

    Raises: ClaimLost, GitUnreachable, GitRefused.
    """

    def change(held: "_Held") -> _Changes:
        ended = {"released_at": fleet.now(), "reason": reason or "released"}
        return {held.task.path: None, _moved(held.task, layouts.OPEN): _given_back(held.text, held.section, ended)}

    session = _change(fleet, agent, key, token, records.RELEASED, change)
    fleet.home.drop(key, agent.name)
    fleet.events.note("released", agent=agent.name, task=key, reason=reason[:200])
    return session


def release_stalled(fleet: Fleet, agent: Agent, minutes: float = 30.0, now: float | None = None) -> Swept:
    """Gives back what this host has seen unchanged in `claimed/` for so many minutes: one commit for all of it.

    Raises: GitUnreachable, GitRefused.
    """
    for _ in range(TRIES):
        state = _State.fetch(fleet)
        held = {
            key: state.stored.blobs[task.path]
            for key, task in state.stored.tasks.items()
            if state.stored.folders.get(key) == layouts.CLAIMED
        }
        stood = observe(fleet, held, now)
        stale = [key for key in held if stood[key] >= minutes * 60]
        watched = {key: seconds for key, seconds in stood.items() if key not in stale}
        if not stale:
            return Swept(released=(), parked=(), watched=watched)
        changes: _Changes = {}
        parked = [key for key in stale if _end(fleet, state, key, minutes, changes)]
        said = f"[ORCHESTRATOR] Released {len(stale)} stalled tasks (no heartbeat for {round(minutes)}m)"
        report = state.push(agent, said, changes)
        if report is not None and report.ok:
            for key in stale:
                fleet.events.note("parked" if key in parked else "expired", task=key)
            freed = tuple(key for key in stale if key not in parked)
            return Swept(released=freed, parked=tuple(parked), watched=watched)
        fleet.pause(fleet.rng.random())
    raise GitUnreachable(
        f"{fleet.remote} took none of {TRIES} pushes", hint="other pushes were always faster; try again"
    )


def _end(fleet: Fleet, state: "_State", key: str, minutes: float, changes: _Changes) -> bool:
    """Adds what ends a stalled claim to the changes; whether the task waits for a person now."""
    task = state.stored.tasks[key]
    text = state.text(task)
    ended = {"released_at": fleet.now(), "reason": f"no heartbeat for {round(minutes)}m", "lost": "yes"}
    back = _given_back(text, _section(text), ended)
    ends = [one for name, one in toon.loads(back, task.path).value.items() if name.startswith("claim_")]
    losses = sum(isinstance(one, dict) and one.get("lost") == "yes" for one in ends)
    parked: bool = losses >= fleet.coordination.max_losses
    if parked:
        back = edit.with_section(back, "parked", {"reason": f"lost {losses} times", "at": fleet.now()})
    changes |= {task.path: None, _moved(task, layouts.OPEN): back}
    return parked


@dataclass(kw_only=True)
class _State:
    """The branch as it was fetched just now."""

    fleet: Fleet
    branch: str
    tip: str
    stored: Stored

    @classmethod
    def fetch(cls, fleet: Fleet) -> "_State":
        with place(fleet.home.places, PLACES):
            refs = fleet.remote.refs()
        view = fleet.view(refs)
        branch, _ = fleet.tip(view)
        stored = fleet.board(view)
        if stored.coordination.protocol != "branch":
            raise ProtocolChanged
        return cls(fleet=fleet, branch=branch, tip=stored.tip, stored=stored)

    def text(self, task: Task) -> str:
        """A task's file."""
        blob = self.stored.blobs[task.path]
        return self.fleet.mirror.texts([blob])[blob].decode()

    def opened_by(self, key: str) -> _Changes:
        """The files that say `ready` from now on because a task is done."""
        board = self.stored.board
        done = board.completed()
        before, after = set(board.ready(done)), board.ready(done | {key})
        waiting = [self.stored.tasks[one] for one in after if one not in before]
        return {task.path: edit.with_status(self.text(task), "ready") for task in waiting}

    def push(self, agent: Agent, subject: str, changes: _Changes) -> Report | None:
        """Asks for one commit on top of what was fetched; None when the branch has moved already."""
        root, new = edited(self.fleet.mirror.path, self.tip, changes)
        text = commit_text(subject, self.fleet.person(agent), [self.tip], root)
        commit = make("commit", signed(text, agent.sign(text)) if agent.sign else text)
        asked = Push([Update(f"refs/heads/{self.branch}", self.tip, commit.id)], [*new, commit])
        with place(self.fleet.home.places, PLACES):
            seen = self.fleet.remote.exchange(
                lambda refs: asked if refs.get(f"refs/heads/{self.branch}") == self.tip else None
            )
        return seen.report


@dataclass(frozen=True)
class _Held:
    """A claimed task as the branch has it."""

    state: _State
    task: Task
    text: str
    section: Mapping[str, object]


_Change = Callable[[_Held], _Changes]


def _change(fleet: Fleet, agent: Agent, key: str, token: str, what: str, change: _Change) -> str:
    """Changes the file of a task that an agent holds, again on a later tip when somebody else was faster."""
    noted = fleet.home.held(key, agent.name)
    session = token or (noted.tokens[0] if noted else "")
    for attempt in range(1, TRIES + 1):
        state = _State.fetch(fleet)
        task = state.stored.tasks.get(key)
        if task is None or state.stored.folders.get(key) != layouts.CLAIMED:
            if what == records.COMPLETED and state.stored.folders.get(key) == layouts.COMPLETED and noted:
                return session  # our push had come through, only its answer was lost
            raise _lost(fleet, agent, key)
        text = state.text(task)
        section = _section(text)
        if section.get("claimed_by") != agent.name or (session and section.get("session", session) != session):
            raise _lost(fleet, agent, key)
        record = Record(task=task.id, project=task.project, agent=agent.name, state=what, epoch=1)
        report = state.push(agent, records.subject(record), change(_Held(state, task, text, section)))
        if report is not None and report.ok:
            return session or str(section.get("session", ""))
        if report is not None and unwanted(report) and attempt == TRIES:
            raise refusal(fleet.remote, report)
        fleet.pause(min(LONGEST, fleet.rng.random() * 0.1 * 2**attempt))
    raise GitUnreachable(
        f"{fleet.remote} took none of {TRIES} pushes", hint="other pushes were always faster; try again"
    )


def _lost(fleet: Fleet, agent: Agent, key: str) -> ClaimLost:
    fleet.home.drop(key, agent.name)
    fleet.events.note("lost", agent=agent.name, task=key)
    return ClaimLost(f"{agent.name} does not hold {key} any more")


def _claimed(fleet: Fleet, agent: Agent, state: _State, key: str) -> Record:
    task = state.stored.tasks[key]
    now = fleet.now()
    epoch = 1 + _ended_claims(state.text(task))
    return Record(
        task=task.id,
        project=task.project,
        agent=agent.name,
        state=records.CLAIMED,
        epoch=epoch,
        session=agent.session,
        claimed_at=now,
        at=now,
    )


def _into_claimed(state: _State, record: Record, attempt: int) -> _Changes:
    task = state.stored.tasks[record.key]
    section = {
        "claimed_by": record.agent,
        "claimed_at": record.claimed_at,
        "last_heartbeat": record.claimed_at,
        "heartbeat_interval_minutes": 10,
        "stale_threshold_minutes": 30,
        "claim_attempt": attempt,
        "epoch": record.epoch,
        "session": record.session,
    }
    text = edit.with_section(edit.with_status(state.text(task), "claimed"), "claim", section)
    return {task.path: None, _moved(task, layouts.CLAIMED): text}


def _given_back(text: str, section: Mapping[str, object], ended: Mapping[str, object]) -> str:
    """The text of an open task; the ended claim stays as a section of its own."""
    number = 1 + _ended_claims(text)
    text = edit.without_section(edit.with_status(text, "ready"), "claim")
    return edit.with_section(text, f"claim_{number}", {**section, **ended})


def _ended_claims(text: str) -> int:
    return sum(line.startswith("claim_") and line.rstrip().endswith(":") for line in text.split("\n"))


def _section(text: str) -> Mapping[str, object]:
    found = toon.loads(text, "the task").value.get("claim")
    return dict(found) if isinstance(found, dict) else {}


def _moved(task: Task, folder: str) -> str:
    place_ = layouts.place_of(task.path)
    assert place_ is not None
    return place_.path(folder)
