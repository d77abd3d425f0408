"""Reads: everything that pages and commands show."""

from paddock.core.errors import NotFound
from paddock.core.states import AttemptState, JobState
from paddock.store.ops import attempts as ended
from paddock.store.ops import telling
from paddock.store.ops.work import record, records
from paddock.store.records import Agent, Attempt, Change, Counts, Decision, Event, JobFilter, JobRecord, Project
from paddock.store.statements import Tx

# Ready jobs of one lane that are worth counting; beyond them there is work for everyone anyway.
LANE_MOST = 10_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def jobs(tx: Tx, wanted: JobFilter) -> list[JobRecord]:
    """The newest jobs that pass the filter."""
    if wanted.batch is not None:
        rows = tx.all(
            "jobs_of_batch",
            batch=wanted.batch,
            state=wanted.state,
            kind=wanted.kind,
            label=label_pattern(wanted.label),
            most=wanted.limit,
        )
    else:
        rows = tx.all(
            "jobs",
            state=wanted.state,
            project=wanted.project,
            batch=None,
            kind=wanted.kind,
            label=label_pattern(wanted.label),
            system=int(wanted.system),
            most=wanted.limit,
        )
    return records(JobRecord, rows)


def label_pattern(label: str | None) -> str | None:
    """What a JSON list that holds the label looks like, for LIKE with `!` before what is meant as it stands."""
    if label is None:
        return None
    for special in "!%_":
        label = label.replace(special, f"!{special}")
    return f'%"{label}"%'


def lanes(tx: Tx, now: int) -> dict[str, tuple[int, int | None]]:
    """Lanes with work: lane → (jobs whose time has come, when the next one's does)."""
    return {row["lane"]: (row["jobs"], row["due"]) for row in tx.all("lanes", now=now, most=LANE_MOST)}


def find_job(tx: Tx, ref: str) -> JobRecord:
    """The job with this id, or the newest with this name.

    Raises: NotFound.
    """
    row = tx.one("job", id=ref) or tx.one("job_named", name=ref)
    if row is None:
        raise NotFound(f"no job {ref!r}", hint="`paddock jobs` lists them")
    return record(JobRecord, row)


def find_change(tx: Tx, ref: str) -> Change:
    """The change with this id, or the newest of the job with this id or name.

    Raises: NotFound.
    """
    row = tx.one("change", id=ref) or tx.one("change_of_job", job=ref)
    if row is None:
        job = tx.one("job_named", name=ref) or tx.one("job", id=ref)
        row = tx.one("change_of_job", job=job["id"]) if job else None
        if row is None and job is not None:
            raise NotFound(
                f"job {ref!r} is {job['state']} and has no change", hint=f"`paddock job why {ref}` says more"
            )
    if row is None:
        raise NotFound(f"no change {ref!r}", hint="`paddock review list` lists them")
    return record(Change, row)


def find_agent(tx: Tx, ref: str) -> Agent:
    """The agent with this id, or the newest with this name.

    Raises: NotFound.
    """
    row = tx.one("agent", id=ref) or tx.one("agent_named", name=ref)
    if row is None:
        raise NotFound(f"no agent {ref!r}", hint="`paddock agents` lists them")
    return record(Agent, row)


def find_project(tx: Tx, name: str) -> Project:
    """Raises: NotFound."""
    row = tx.one("project", name=name)
    if row is None:
        raise NotFound(f"unknown project {name!r}", hint="`paddock project add` registers a repository")
    return record(Project, row)


def changes(tx: Tx, state: str | None, project: str | None, limit: int) -> list[Change]:
    """The newest changes."""
    return records(Change, tx.all("changes", state=state, project=project, most=limit))


def decisions(tx: Tx, change: str) -> list[Decision]:
    """What people said of a change, oldest first."""
    return records(Decision, tx.all("decisions", change=change))


def attempts(tx: Tx, job: str) -> list[Attempt]:
    """The tries at a job, oldest first; the live one is read from the lease."""
    row = tx.one("job", id=job)
    if row is None:
        return []
    found = records(Attempt, ended.of_job(tx, row))
    if row["state"] == JobState.LEASED:
        found.append(
            Attempt(
                job=job,
                epoch=row["epoch"],
                agent=row["agent"],
                session=row["session"],
                state=AttemptState.LIVE,
                claimed=row["started"],
                wip=row["wip"],
            )
        )
    return found


def journal(tx: Tx, after: int, job: str | None, limit: int) -> list[Event]:
    """Rows of the journal behind `after`; with a negative `after`, the last ones."""
    if job is not None:
        return telling.journal_of_job(tx, job, max(after, 0), limit)
    if after < 0:
        return records(Event, tx.all("journal_tail", most=limit))
    return records(Event, tx.all("journal_after", after=after, most=limit))


def counts(tx: Tx, now: int) -> Counts:
    """The figures of the fleet page: jobs that are open now and those that ended within a day."""
    return Counts(
        jobs={row["state"]: row["n"] for row in tx.all("count_jobs", since=now - DAY_MS)},
        changes={row["state"]: row["n"] for row in tx.all("count_changes")},
        done_last_hour=tx.value("done_since", since=now - HOUR_MS) or 0,
        anomalies=tx.value("count_stuck") or 0,
    )
