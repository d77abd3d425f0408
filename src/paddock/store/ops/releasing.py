"""What finished jobs let go: the jobs that waited for them, the batches that their batches open."""

from collections.abc import Iterable

from paddock.store.ops.work import Work, to_json
from paddock.store.records import JobRecord


def release(work: Work, done: JobRecord) -> None:
    """Makes ready what waited for this job and waits for nothing else."""
    release_all(work, to_json([done.id]), {done.batch})


def release_all(work: Work, done: str, batches: Iterable[str | None]) -> None:
    """The same for jobs that are done, as a JSON list of their ids, and the batches they are of."""
    for row in work.tx.all("needed", ids=done):
        _ready(work, row["needs"], work.tx.all("release_needing", job=row["needs"]))
    inside = [batch for batch in batches if batch]
    for row in work.tx.all("opening", ids=to_json(inside)) if inside else ():
        _ready(work, row["opens_batch"], work.tx.all("release_batches", batch=row["opens_batch"]))


def _ready(work: Work, after: str, rows: list[dict[str, str]]) -> None:
    work.readied = work.readied or bool(rows)
    for row in rows:
        work.journal("job.ready", row["id"], after=after)
