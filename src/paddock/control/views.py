"""Facts as people read them: plain values in the shapes of the HTTP API."""

import base64
from typing import Any

import msgspec

from paddock import __version__
from paddock.control import reviews
from paddock.control.plane import Control
from paddock.control.why import why as why
from paddock.core import matching, schedule
from paddock.core.errors import NotFound
from paddock.core.limits import NEVER
from paddock.core.states import ChangeState, JobState
from paddock.store.records import Agent, Attempt, Change, Event, JobFilter, JobRecord, Project

View = dict[str, Any]

# Seconds that starting a worker is taken to cost while none was measured.
DEFAULT_SPAWN_S = 2.0
_HIDDEN = (
    "lane",
    "seq",
    "wip",
    "session",
    "unique_key",
    "exclusive",
    "not_before",
    "expires_at",
    "open_key",
    "spent_from",
    "reserved_money",
    "reserved_tokens",
)


def _agent_name(control: Control, agent: str | None) -> str | None:
    found = control.fleet.get(agent) if agent else None
    return found.name if found else agent


def job_view(control: Control, job: JobRecord) -> View:
    """One job as lists show it."""
    view = msgspec.to_builtins(job)
    for name in (
        *_HIDDEN,
        "payload",
        "scope",
        "requires",
        "accept",
        "max_attempts",
        "timeout",
        "losses",
        "urgency",
        "labels",
        "budget",
        "waits",
    ):
        view.pop(name, None)
    view["agent"] = None if job.state in (JobState.READY, JobState.BLOCKED) else _agent_name(control, job.agent)
    view["system"] = job.subject is not None
    return dict(view)


async def jobs(control: Control, wanted: JobFilter) -> list[View]:
    """The newest jobs that pass the filter."""
    return [job_view(control, job) for job in await control.store.jobs(wanted)]


async def job(control: Control, ref: str) -> View:
    """Everything about one job."""
    found = await control.store.job(ref)
    view = {name: value for name, value in msgspec.to_builtins(found).items() if name not in _HIDDEN}
    attempts = await control.store.attempts(found.id)
    if view["agent"] is None and attempts:
        view["agent"] = attempts[-1].agent
    view["agent"] = _agent_name(control, view["agent"])
    view["not_before"] = found.not_before or None
    view["lease_expires"] = found.expires_at
    view["system"] = found.subject is not None
    view["depends_on"] = [{"id": n.id, "name": n.name, "state": n.state} for n in await control.store.needs(found.id)]
    view["branch"] = f"paddock/{found.id}"
    view["unique"] = found.open_key
    view["exclusive"] = found.exclusive_key()
    view["limits"] = list(matching.limits_of(found.lane))
    view["attempts"] = [_attempt_view(control, attempt) for attempt in attempts]
    view["journal"] = [event_view(control, event) for event in await control.store.journal(0, found.id, 500)]
    return view


def _attempt_view(control: Control, attempt: Attempt) -> View:
    view = dict(msgspec.to_builtins(attempt))
    view["agent"] = _agent_name(control, attempt.agent)
    view["wip_ref"] = f"refs/paddock/wip/{attempt.job}/{attempt.epoch}" if attempt.wip else None
    return view


def event_view(control: Control, event: Event) -> View:
    """One row of the journal."""
    view = dict(msgspec.to_builtins(event))
    view["agent"] = _agent_name(control, event.agent)
    return view


async def journal(control: Control, after: int, job: str | None, limit: int) -> list[View]:
    """Rows of the journal; with a negative `after`, the last ones."""
    return [event_view(control, event) for event in await control.store.journal(after, job, limit)]


def agent_view(control: Control, record: Agent, held: list[str]) -> View:
    """One agent."""
    now = control.clock.now()
    view = dict(msgspec.to_builtins(record))
    del view["public_key"], view["generation"], view["granted"], view["roll"]
    seen = control.fleet.get(record.id)
    online = seen is not None and seen.online(now)
    view["online"] = online
    view["fingerprint"] = sorted(record.fingerprint)
    view["last_beat"] = (seen.last_seen or None) if seen else None
    view["draining"] = seen.draining if seen else record.draining
    view["waits"] = seen.unlicensed if seen and online else ""
    view["running"] = len(held)
    view["jobs"] = held
    view["health"] = [msgspec.structs.asdict(check) for check in record.health]
    view["healthy"] = all(check.ok or check.advisory for check in record.health)
    view["state"] = "draining" if online and view["draining"] else "online" if online else "offline"
    return view


async def agents(control: Control) -> list[View]:
    """Every agent."""
    holders = await control.store.holders()
    return [agent_view(control, record, holders.get(record.id, [])) for record in await control.store.agents()]


def key(control: Control, keyid: str) -> View:
    """An agent's public key, raw in base64. Raises: NotFound."""
    for agent in control.fleet:
        if agent.verifier.keyid == keyid:
            return {
                "keyid": keyid,
                "key": base64.b64encode(agent.verifier.public).decode(),
                "agent": agent.agent,
                "name": agent.name,
            }
    raise NotFound(f"no agent has the key {keyid!r}")


async def fleet(control: Control) -> View:
    """The four numbers, and what stands behind them."""
    now = control.clock.now()
    counts = await control.store.counts(now)
    online = [agent for agent in control.fleet if agent.online(now)]
    versions: dict[str, int] = {}
    for agent in online:
        versions[agent.version] = versions.get(agent.version, 0) + 1
    total = len(control.fleet)
    return {
        "online": len(online),
        "agents": total,
        "online_ratio": round(len(online) / total, 4) if total else 0.0,
        "jobs_per_hour": counts.done_last_hour,
        "anomalies": counts.anomalies,
        "version_skew": sum(n for version, n in versions.items() if version != __version__),
        "jobs": {state: counts.jobs[state] for state in JobState if counts.jobs.get(state)},
        "changes": {state: counts.changes[state] for state in ChangeState if counts.changes.get(state)},
        "versions": versions,
        "signer": signer(control),
        "version": __version__,
        "now": now,
    }


def signer(control: Control) -> View:
    """The process that signs: whether it does, as whom it runs, and the file of its bounds."""
    shown = control.keys.shown
    return {
        "trouble": control.keys.signing.trouble,
        "uid": shown.uid,
        "apart": control.keys.apart,
        "maximum": shown.maximum,
    }


def health(control: Control) -> View:
    """Whether this process can serve; what it says of itself when it is one of several."""
    trouble = control.keys.signing.trouble
    view: View = {"ok": not trouble, "version": __version__, "signer": signer(control)}
    if control.replica is not None:
        view["ok"] = control.replica.well and not trouble
        view["bus"] = "connected" if control.bus.connected else "lost"
        view["bus_faults"] = control.bus.faults
        view["replicas"] = 1 + control.bus.peers
    return view


async def projects(control: Control) -> list[View]:
    """Every project."""
    return [project_view(control, project) for project in await control.store.projects()]


def project_view(control: Control, project: Project) -> View:
    """One project; `paused` is None, or says by whom, why, since when and until when (None: until it is resumed)."""
    view = {name: getattr(project, name) for name in ("name", "repo", "branch", "checks", "created", "weight")}
    view["paused"] = None
    if project.paused_until > control.clock.now():
        view["paused"] = {
            "by": project.paused_by,
            "note": project.pause_note,
            "since": project.paused_at,
            "until": None if project.paused_until == NEVER else project.paused_until,
        }
    return view


async def change_view(control: Control, change: Change) -> View:
    """One change as lists show it."""
    view = dict(msgspec.to_builtins(change))
    del view["diff_job"], view["diff_epoch"]
    view["authors"] = [_agent_name(control, agent) for agent in change.authors]
    decisions = await control.store.decisions(change.id)
    view["decisions"] = [msgspec.to_builtins(decision) for decision in decisions]
    of_head = [said for said in decisions if said.head in ("", change.head)]
    view["approved_by"] = [said.by for said in of_head if said.decision == "approve"]
    view["evidence"] = [msgspec.to_builtins(found) for found in await control.store.evidence(change.id)]
    view["added"] = sum(file.get("added") or 0 for file in change.files)
    view["removed"] = sum(file.get("removed") or 0 for file in change.files)
    return view


async def changes(
    control: Control, state: str | None = None, project: str | None = None, limit: int = 200
) -> list[View]:
    """The newest changes."""
    return [await change_view(control, change) for change in await control.store.changes(state, project, limit)]


async def change(control: Control, ref: str) -> View:
    """Everything about one change but its diff."""
    found = await control.store.change(ref)
    view = await change_view(control, found)
    view["gate"] = await gate(control, found.id)
    view["review"] = await reviews.review_view(control, found)
    view["jobs"] = [job_view(control, other) for other in await control.store.serving(found.id)]
    view["forge"] = await _on_forge(control, found.id)
    return view


async def _on_forge(control: Control, change: str) -> View | None:
    """Where a change is shown on its project's forge, or why not yet; None where it is not to be.

    An address is the forge's own word.
    """
    shown = await control.store.forge_intent(f"change:{change}")
    if shown is None or not (shown.number or shown.trouble):
        return None
    url = shown.url if shown.url.startswith(("https://", "http://")) else ""
    return {"number": shown.number, "url": url, "state": shown.shown.state, "trouble": shown.trouble}


async def gate(control: Control, ref: str) -> View:
    """The merge gate's answer."""
    found = await control.store.change(ref)
    verdict = await control.store.verdict(found.id)
    return {
        "change": found.id,
        "state": found.state,
        "mergeable": verdict.mergeable,
        "reasons": list(verdict.reasons),
        "approved_by": list(verdict.approved_by),
        "queue": await reviews.place(control, found),
    }


async def fan_out(control: Control, kind: str, count: int, seconds: float, spawn: float | None, slots: int) -> View:
    """Whether running these jobs side by side pays."""
    source = "given"
    if spawn is None:
        mean = await control.store.mean_spawn(kind)
        source = "default" if mean is None else "measured"
        spawn = DEFAULT_SPAWN_S if mean is None else mean / 1_000
    if slots <= 0:
        now = control.clock.now()
        slots = sum(agent.slots for agent in control.fleet if agent.online(now)) or count
    advice = schedule.fan_out([seconds] * count, slots, spawn)
    return {
        "jobs": advice.jobs,
        "slots": advice.slots,
        "total_seconds": advice.total_seconds,
        "makespan_seconds": advice.makespan_seconds,
        "spawn_seconds": advice.spawn_seconds,
        "saving_seconds": advice.saving_seconds,
        "fan_out": advice.fan_out,
        "spawn_source": source,
    }
