"""What a finished job lets go: the jobs that waited for it, the batch that its batch opens."""

from paddock.store.ops.work import Work
from paddock.store.records import JobRecord


def release(work: Work, done: JobRecord) -> int:
    """Makes ready what waited for this job and waits for nothing else; returns how many."""
    rows = work.tx.all("release_needing", job=done.id)
    if done.batch:
        rows += work.tx.all("release_batches", batch=done.batch)
    work.readied = work.readied or bool(rows)
    for row in rows:
        work.journal("job.ready", row["id"], after=done.id)
    return len(rows)
