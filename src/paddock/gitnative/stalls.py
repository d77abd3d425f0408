"""Claims that nobody renews: who has watched one stand still for long enough ends it, and the task is free again.

No clock of another machine is asked. The watcher measures by its own clock, which no one can set, how long it has seen
the lock at the same commit; what it saw outlives its process, but not a restart of its machine.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from paddock.gitnative import records
from paddock.gitnative.errors import TaskInvalid
from paddock.gitnative.fleet import Agent, Fleet, refusal, unwanted
from paddock.gitnative.objects import EMPTY_TREE, ZERO
from paddock.gitnative.protocol import Push, Update
from paddock.gitnative.records import Record
from paddock.gitnative.refs import OPENED, PARKED, View

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class Swept:
    """Tasks that became free, those that wait for a person now, and seconds that each other claim has stood still."""

    released: tuple[str, ...]
    parked: tuple[str, ...]
    watched: Mapping[str, float]


def steady() -> float:
    """Seconds since this machine started, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def observe(fleet: Fleet, at: Mapping[str, str], now: float | None = None, *, name: str = "seen") -> dict[str, float]:
    """Seconds for which this host has seen each ref at its present commit; each `name` remembers refs of its own."""
    moment = steady() if now is None else now
    boot = _BOOT.read_text().strip() if _BOOT.exists() else ""
    with fleet.home.notes(name) as notes:
        seen = notes.get("refs") if notes.get("boot") == boot else {}
        seen = seen if isinstance(seen, dict) else {}
        kept: dict[str, list[Any]] = {}
        for ref, oid in at.items():
            old = seen.get(ref)
            kept[ref] = old if isinstance(old, list) and old[0] == oid else [oid, moment]
        notes.clear()
        notes.update(boot=boot, refs=kept)
    return {ref: moment - float(since) for ref, (_, since) in kept.items()}


def watch(fleet: Fleet, view: View, now: float | None = None) -> dict[str, float]:
    """Seconds for which this host has seen each held task, and the ref of each announced agent, stand still."""
    agents = {view.agent_ref(name): oid for name, oid in view.agents.items()}
    return observe(fleet, {**view.held(), **agents}, now)


def release_stalled(fleet: Fleet, agent: Agent, minutes: float = 30.0, now: float | None = None) -> Swept:
    """Ends the claims that this host has seen stand still for so many minutes, and forgets agents that stand still.

    Raises: GitUnreachable, GitRefused.
    """
    view, _ = fleet.look()
    held = view.held()
    stood = watch(fleet, view, now)
    stale = {key: held[key] for key in held if stood[key] >= minutes * 60}
    texts = fleet.mirror.commits(stale.values())
    released: list[str] = []
    parked: list[str] = []
    for key, oid in stale.items():
        state = take_over(fleet, agent, key, oid, texts.get(oid, ""), minutes)
        if state:
            (released if state == OPENED else parked).append(key)
    _forget_agents(fleet, view, {name for name in view.agents if stood[view.agent_ref(name)] >= minutes * 60})
    rest = {key: seconds for key, seconds in stood.items() if key in held and key not in released + parked}
    return Swept(released=tuple(released), parked=tuple(parked), watched=rest)


def take_over(fleet: Fleet, agent: Agent, key: str, seen: str, text: str, minutes: float = 30.0) -> str:
    """Ends a claim that still stands at the commit `seen`: OPENED or PARKED, or an empty text when it had moved.

    Of any number of rivals one succeeds. Raises: GitUnreachable, GitRefused.
    """
    record = _ended(key, text, fleet)
    state = PARKED if record.losses >= fleet.coordination.max_losses else OPENED
    told = msgspec.structs.replace(record, state=records.PARKED if state == PARKED else records.RELEASED)

    def decide(refs: Mapping[str, str]) -> Push | None:
        view = fleet.view(refs)
        if view.claims.get(key) != seen or key not in view.held():
            return None
        commit = fleet.recorded(agent, told, seen, minutes=max(1, round(minutes)))
        mark = view.marked(key, state, commit.id, epoch=told.epoch, losses=told.losses)
        return Push([Update(view.claim_ref(key), seen, commit.id), mark], [commit, EMPTY_TREE])

    report = fleet.exchange(decide).report
    if report is None or not report.ok:
        if report is not None and unwanted(report):
            raise refusal(fleet.remote, report)
        return ""
    fleet.events.note("parked" if state == PARKED else "expired", task=key, agent=record.agent, losses=told.losses)
    return state


def _ended(key: str, text: str, fleet: Fleet) -> Record:
    project, _, task = key.partition("/")
    try:
        before = records.read(text)
    except TaskInvalid:  # somebody wrote a lock of his own; it is ended like any other
        before = Record(task=task, project=project, agent="unknown", state=records.CLAIMED, epoch=1)
    return msgspec.structs.replace(before, losses=before.losses + 1, at=fleet.now())


def _forget_agents(fleet: Fleet, view: View, names: set[str]) -> None:
    gone = {view.agent_ref(name): view.agents[name] for name in names}

    def decide(refs: Mapping[str, str]) -> Push | None:
        updates = [Update(ref, oid, ZERO) for ref, oid in gone.items() if refs.get(ref) == oid]
        return Push(updates) if updates else None

    if gone:
        fleet.exchange(decide)
