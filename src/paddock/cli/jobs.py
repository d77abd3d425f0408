"""`paddock jobs`: the list of jobs."""

from typing import Any

from paddock.cli import args, out

EXAMPLE = "paddock jobs --in failed --project shop"


def main(verb: str, words: list[str]) -> int:
    """Lists jobs, newest first."""
    parser = args.for_verb(verb, EXAMPLE)
    parser.add_argument("--in", dest="within", metavar="STATE", help="only jobs in this state, such as ready or failed")
    parser.add_argument("--project", help="only this project's")
    parser.add_argument("--batch", help="only this batch's")
    parser.add_argument("--kind", help="only this kind")
    parser.add_argument("--system", action="store_true", help="checks and merges as well")
    parser.add_argument("--limit", type=args.whole(1), default=100, metavar="N", help="at most N (100)")
    found = args.read(parser, words)
    jobs = args.api_of(found).get(
        "/v1/jobs",
        state=found.within,
        project=found.project,
        batch=found.batch,
        kind=found.kind,
        system=1 if found.system else None,
        limit=found.limit,
    )
    if found.json:
        out.dump(jobs)
        return 0
    filtered = any((found.within, found.project, found.batch, found.kind))
    empty = "no job passes this filter" if filtered else "no jobs yet: paddock submit FILE, or paddock demo to see some"
    out.table(
        ("job", "name", "state", "project", "kind", "try", "agent", "age", "why"), [_row(job) for job in jobs], empty
    )
    return 0


def _row(job: dict[str, Any]) -> list[object]:
    return [
        job["id"],
        job["name"],
        job["state"],
        job["project"],
        job["kind"],
        job["attempt"] or "",
        job["agent"],
        out.age(job["created"]),
        job["reason"],
    ]
