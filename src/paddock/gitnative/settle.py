"""Folds what refs say into the files of the coordination branch, so that a plain checkout tells the truth.

First the branch moves: one commit for all that is done. The refs of those tasks go away only later, when this host has
seen the branch say so for long enough: until then somebody may still be on the way who saw the refs of before.
"""

from collections.abc import Mapping

from paddock.gitnative import edit, layouts, records, stalls
from paddock.gitnative.claiming import SWEEP_AFTER
from paddock.gitnative.errors import TaskInvalid
from paddock.gitnative.fleet import Agent, Fleet, refusal, unwanted
from paddock.gitnative.mirror import Stored
from paddock.gitnative.objects import ZERO, commit_text, make, signed
from paddock.gitnative.protocol import Decide, Push, Update
from paddock.gitnative.records import Record
from paddock.gitnative.refs import DONE, View
from paddock.gitnative.trees import edited

TRIES = 8
# Refs that go away in one push.
PORTION = 1_000


def settle(fleet: Fleet, agent: Agent, *, least: int = 1, now: float | None = None) -> tuple[list[str], int]:
    """Moves the files of completed tasks when there are `least` of them; returns their keys, and how many tasks' refs
    went away. Safe to do at once in many places.

    Raises: GitUnreachable, GitRefused.
    """
    done = [_settle(one, agent, least, now) for one in fleet.all()]
    return sorted(key for moved, _ in done for key in moved), sum(swept for _, swept in done)


def _settle(fleet: Fleet, agent: Agent, least: int, now: float | None) -> tuple[list[str], int]:
    moved: list[str] = []
    for _ in range(TRIES):
        view, stored = fleet.look()
        keys = [key for key in _unsettled(view, stored) if fleet.owns(key.partition("/")[0])]
        if len(keys) < max(1, least):
            break
        if _push(fleet, agent, view, stored, keys):
            fleet.events.note("settled", agent=agent.name, tasks=len(keys))
            moved = keys
            break
        fleet.pause(fleet.rng.random() * 0.2)
    return moved, sweep(fleet, now)


def _unsettled(view: View, stored: Stored) -> list[str]:
    return sorted(key for key in view.completed() if key in stored.tasks)


def _push(fleet: Fleet, agent: Agent, view: View, stored: Stored, keys: list[str]) -> bool:
    branch, _ = fleet.tip(view)
    changes = _changes(fleet, view, stored, keys)
    root, new = edited(fleet.mirror.path, stored.tip, changes)
    words = f"[ORCHESTRATOR] Settled {len(keys)} completed tasks\n\n" + "\n".join(keys)
    text = commit_text(words, fleet.person(agent), [stored.tip], root)
    commit = make("commit", signed(text, agent.sign(text)) if agent.sign else text)
    ref = f"refs/heads/{branch}"
    asked = Push([Update(ref, stored.tip, commit.id)], [*new, commit])
    report = fleet.exchange(lambda refs: asked if refs.get(ref) == stored.tip else None).report
    if report is not None and not report.ok and unwanted(report):
        raise refusal(fleet.remote, report)
    return report is not None and report.ok


def _changes(fleet: Fleet, view: View, stored: Stored, keys: list[str]) -> dict[str, str | None]:
    """The files of tasks that are done, and of those that are ready because of it."""
    board = stored.board
    done = board.completed() | view.completed()
    opened = [key for key in board.ready(done) if stored.tasks[key].status in ("blocked", "pending")]
    texts = fleet.mirror.texts([stored.blobs[stored.tasks[key].path] for key in (*keys, *opened)])
    told = fleet.mirror.commits(view.done[key] for key in keys)
    changes: dict[str, str | None] = {}
    for key in keys:
        task = stored.tasks[key]
        place = layouts.place_of(task.path)
        assert place is not None
        text = texts[stored.blobs[task.path]].decode()
        changes[task.path] = None
        changes[place.path(layouts.COMPLETED)] = _completed(text, told.get(view.done[key], ""))
    moved = set(keys)
    left = {task.path.rpartition("/")[0] for key, task in stored.tasks.items() if key not in moved}
    for folder in {stored.tasks[key].path.rpartition("/")[0] for key in keys} - left:
        changes[f"{folder}/{layouts.KEEP}"] = ""
    for key in opened:
        path = stored.tasks[key].path
        changes[path] = edit.with_status(texts[stored.blobs[path]].decode(), "ready")
    return changes


def _completed(text: str, told: str) -> str:
    text = edit.with_status(text, "completed")
    try:
        record: Record | None = records.read(told)
    except TaskInvalid:
        record = None
    if record is None:
        return edit.with_section(text, "completion", {"status": "completed"})
    claim: Mapping[str, object] = {"claimed_by": record.agent, "claimed_at": record.claimed_at, "epoch": record.epoch}
    done = {
        "status": "completed",
        "completed_at": record.at,
        "completed_by": record.agent,
        "pr_url": record.pr_url,
        "branch": record.branch,
        "commit": record.head,
    }
    return edit.with_section(edit.with_section(text, "claim", claim), "completion", done)


def sweep(fleet: Fleet, now: float | None = None) -> int:
    """Takes away the refs of tasks that the branch has called completed for long enough; returns how many tasks.

    Raises: GitUnreachable.
    """
    view, stored = fleet.look()
    settled = {
        key: view.claims.get(key, "")
        for key in view.done
        if stored.folders.get(key) == layouts.COMPLETED
        and view.state(key) == DONE
        and fleet.owns(key.partition("/")[0])
    }
    watched = {f"settled:{key}": oid for key, oid in settled.items()}
    stood = stalls.observe(fleet, watched, now, name=f"settled-{fleet.branch}".replace("/", "-"))
    gone = [key for key in settled if stood[f"settled:{key}"] >= SWEEP_AFTER]
    swept = 0
    for start in range(0, len(gone), PORTION):
        part = gone[start : start + PORTION]
        asked = Push([update for key in part for update in _removal(view, key)])
        report = fleet.exchange(_always(asked)).report
        swept += len(part) if report is not None and report.ok else 0
    return swept


def _always(asked: Push) -> Decide:
    return lambda _refs: asked


def _removal(view: View, key: str) -> list[Update]:
    lock = [Update(view.claim_ref(key), view.claims[key], ZERO)] if key in view.claims else []
    return [*lock, Update(f"{view.prefix}/done/{key}", view.done[key], ZERO), *view.unmarked(key)]
