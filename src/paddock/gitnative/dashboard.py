"""Everything about one remote as one JSON-able value: tasks by state, who holds what, who is there, and the figures."""

from typing import Any

from paddock.core.errors import PaddockError
from paddock.gitnative import layouts, records, stalls
from paddock.gitnative.events import metrics
from paddock.gitnative.fleet import Fleet
from paddock.gitnative.mirror import Stored
from paddock.gitnative.refs import DONE, HELD, PARKED, View

# Seconds without a renewal after which a held task counts as stalled.
STALLED = 1_800.0
_STATES = ("ready", "held", "stalled", "blocked", "parked", "completed")


def overview(fleet: Fleet) -> dict[str, Any]:
    """What there is now.

    Raises: GitUnreachable, GitRefused.
    """
    view, stored = fleet.look()
    held = view.held()
    stood = stalls.watch(fleet, view)
    stalled = {key for key in held if stood[key] >= STALLED}
    states: dict[str, str] = {}
    problems = 0
    for one in fleet.all():
        files = stored if one is fleet else one.look()[1]
        found = _states(files, view, stalled)
        states |= {key: state for key, state in found.items() if one.owns(key.partition("/")[0])}
        problems += sum(not problem.warning for problem in files.problems)
    projects: dict[str, dict[str, Any]] = {}
    for key, state in states.items():
        row = projects.setdefault(key.partition("/")[0], dict.fromkeys(_STATES, 0))
        row[state] += 1
    for row in projects.values():
        row["tasks"] = sum(row[state] for state in _STATES)
        row["percent"] = round(100 * row["completed"] / row["tasks"])
    idle = view.idle()
    claims = _claims(fleet, held)
    return {
        "remote": str(fleet.remote),
        "protocol": fleet.coordination.protocol,
        "projects": dict(sorted(projects.items())),
        "held": claims,
        "agents": {
            "idle": len(idle),
            "busy": len({row["agent"] for row in claims}),
            "announced": idle,
        },
        "problems": problems,
        "metrics": metrics(fleet.events.read()),
    }


def _states(stored: Stored, view: View, stalled: set[str]) -> dict[str, str]:
    board = stored.board
    done = view.completed() | board.completed()
    ready = set(board.ready(done))
    out: dict[str, str] = {}
    for key in {*stored.folders, *view.claims}:
        state = view.state(key)
        if key in done or state == DONE:
            out[key] = "completed"
        elif state == PARKED:
            out[key] = "parked"
        elif state == HELD or stored.folders.get(key) == layouts.CLAIMED:
            out[key] = "stalled" if key in stalled else "held"
        else:
            out[key] = "ready" if key in ready else "blocked"
    return out


def _claims(fleet: Fleet, held: dict[str, str]) -> list[dict[str, Any]]:
    texts = fleet.mirror.commits(held.values())
    rows = []
    for key, oid in sorted(held.items()):
        try:
            record = records.read(texts.get(oid, ""))
            told = {"agent": record.agent, "epoch": record.epoch, "claimed_at": record.claimed_at, "at": record.at}
        except PaddockError:
            told = {"agent": "unknown", "epoch": 0, "claimed_at": "", "at": ""}
        rows.append({"task": key, "token": oid, **told})
    return rows
