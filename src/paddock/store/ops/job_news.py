"""What became of jobs, read from the journal: nothing is written for it."""

import msgspec

from paddock.core.states import JobState
from paddock.store.job_news import STEP, JobMoved, Moves
from paddock.store.ops import telling
from paddock.store.ops.stating import owner_of
from paddock.store.ops.work import records, to_json
from paddock.store.records import Event
from paddock.store.statements import Row, Tx
from paddock.store.stating import Place

# Rows of the journal that one question looks at.
_ROWS = 500
_STATES = frozenset(JobState)


def moves(tx: Tx, after: int, most: int, place: Place | None) -> Moves:
    """What became of jobs behind a position. Raises: Stale."""
    project = owner_of(tx, place)["owner"] if place is not None else None
    seq, index = divmod(after, STEP)
    rows = records(Event, tx.all("journal_after", after=seq - (index < STEP - 1), most=_ROWS))
    found: list[tuple[int, JobState, Event]] = []
    upto = after
    for row in rows:
        first = index + 1 if row.seq == seq else 0
        # One more than there is room for, to know whether the row goes on.
        for at, event in enumerate(telling.expand(row, first, most - len(found) + 1), first):
            state = state_after(event)
            if state is not None and len(found) == most:
                return _with_facts(tx, found, upto, project)
            if state is not None:
                upto = row.seq * STEP + at
                found.append((upto, state, event))
        upto = row.seq * STEP + STEP - 1
    return _with_facts(tx, found, upto, project)


def state_after(event: Event) -> JobState | None:
    """The state that a job is in after this; None when it says nothing of that."""
    kind, _, what = event.type.partition(".")
    if event.job is None or kind not in ("job", "attempt"):
        return None
    if kind == "attempt":
        what = event.data.get("state", "")
    elif what == "submitted":
        return JobState.BLOCKED if event.data.get("blocked") else JobState.READY
    return JobState(what) if what in _STATES else None


def _with_facts(tx: Tx, found: list[tuple[int, JobState, Event]], upto: int, project: str | None) -> Moves:
    ids = {event.job for _, _, event in found}
    facts = {row["id"]: row for row in tx.all("job_facts", ids=to_json(list(ids)))} if ids else {}
    made = [
        _moved(position, state, event, facts[event.job])
        for position, state, event in found
        if event.job in facts and project in (None, facts[event.job]["project"])
    ]
    return Moves(made, upto)


def _moved(position: int, state: JobState, event: Event, facts: Row) -> JobMoved:
    return JobMoved(
        position=position,
        at=event.at,
        state=state,
        agent=event.agent,
        data=event.data,
        job=facts["id"],
        name=facts["name"],
        project=facts["project"],
        kind=facts["kind"],
        requires=msgspec.json.decode(facts["requires"], type=tuple[str, ...]),
        labels=msgspec.json.decode(facts["labels"], type=tuple[str, ...]),
        batch=facts["batch"],
    )
