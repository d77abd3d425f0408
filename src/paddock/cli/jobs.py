"""`paddock jobs`: the list of jobs, and what is done to all of a list."""

import argparse
import sys
from typing import Any

from paddock.cli import args, out
from paddock.cli.review import login_name
from paddock.core.errors import BadInput
from paddock.core.states import WAITS

# Seconds that an action on many jobs may take.
PATIENCE = 600.0

EXAMPLE = """\
paddock jobs --in failed --project shop
paddock jobs cancel --label nightly --older-than 7d
paddock jobs priority --batch b01jc0 --to 9 --yes"""
ACTIONS = ("cancel", "retry", "park", "priority")
# What may stand before an action → how many words it takes.
_BEFORE = {"--json": 1, "--server": 2, "--home": 2}


def main(verb: str, words: list[str]) -> int:
    """Lists jobs, newest first, or does the same to all of them."""
    action, words = _cut(words)
    parser = args.for_verb(verb, EXAMPLE, usage=f"paddock jobs [{'|'.join(ACTIONS)}] [FLAGS]")
    parser.add_argument("--in", dest="within", metavar="STATE", help="only jobs in this state, such as ready or failed")
    parser.add_argument("--project", help="only this project's")
    parser.add_argument("--batch", help="only this batch's")
    parser.add_argument("--kind", help="only this kind")
    parser.add_argument("--label", metavar="WORD", help="only jobs with this label")
    parser.add_argument("--system", action="store_true", help="when listing: checks and merges as well")
    parser.add_argument("--limit", type=args.whole(1), default=100, metavar="N", help="when listing: at most N (100)")
    many = parser.add_argument_group("with an action")
    many.add_argument(
        "--older-than", type=args.span, metavar="SPAN", help="only jobs submitted so long ago, such as 7d"
    )
    many.add_argument("--to", type=args.whole(1), metavar="N", help="the new priority, 1 to 10")
    many.add_argument("--dry-run", action="store_true", help="count them and do nothing")
    many.add_argument("--yes", action="store_true", help="do it without asking")
    many.add_argument(
        "--slack", type=args.whole(0), default=0, metavar="N", help="do it though N more or fewer are found"
    )
    found = args.read(parser, words)
    found.action = action
    return _act(found) if action else _list(found)


def _cut(words: list[str]) -> tuple[str, list[str]]:
    """The action, which stands first but for what stands before every verb, and the words without it."""
    at = 0
    while at < len(words) and words[at] in _BEFORE:
        at += _BEFORE[words[at]]
    if at < len(words) and words[at] in ACTIONS:
        return words[at], [*words[:at], *words[at + 1 :]]
    return "", words


def _act(found: argparse.Namespace) -> int:
    """Counts, asks, acts."""
    where = {
        "state": found.within,
        "project": found.project,
        "batch": found.batch,
        "kind": found.kind,
        "label": found.label,
        "older_than": found.older_than,
    }
    where = {name: value for name, value in where.items() if value is not None}
    if not where:
        raise BadInput(
            f"which jobs to {found.action}?", hint="--in, --project, --batch, --kind, --label or --older-than"
        )
    body: dict[str, Any] = {"action": found.action, "where": where}
    if found.action == "priority":
        if found.to is None:
            raise BadInput("--to is missing", hint="the new priority, 1 to 10")
        body["priority"] = found.to
    api = args.api_of(found)
    counted = api.post("/v1/bulk", {**body, "dry_run": True})
    count = "1 job" if counted["count"] == 1 else f"{counted['count']:,} jobs"
    if found.dry_run or not counted["count"]:
        return _told(found, counted, f"{found.action}: {count}")
    if not (found.yes or _agreed(f"{found.action} {count}? [y/N] ")):
        out.note("nothing was done")
        return 1
    body |= {"token": counted["token"], "slack": found.slack, "by": login_name()}
    done = api.post("/v1/bulk", body, timeout=PATIENCE)
    return _told(found, done, f"{found.action}: {done['done']:,} of {count}")


def _agreed(question: str) -> bool:
    """Asks whoever sits here. Raises: BadInput where nobody does."""
    if not sys.stdin.isatty():
        raise BadInput("nobody is here to ask", hint="--yes does it without asking, --dry-run only counts")
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _told(found: argparse.Namespace, answer: dict[str, Any], words: str) -> int:
    if found.json:
        out.dump(answer)
    else:
        out.line(words)
    return 0


def _list(found: argparse.Namespace) -> int:
    if found.older_than is not None or found.to is not None or found.dry_run or found.yes:
        raise BadInput("these flags want an action", hint=f"actions are: {', '.join(ACTIONS)}")
    jobs = args.api_of(found).get(
        "/v1/jobs",
        state=found.within,
        project=found.project,
        batch=found.batch,
        kind=found.kind,
        label=found.label,
        system=1 if found.system else None,
        limit=found.limit,
    )
    if found.json:
        out.dump(jobs)
        return 0
    filtered = any((found.within, found.project, found.batch, found.kind, found.label))
    empty = "no job passes this filter" if filtered else "no jobs yet: paddock submit FILE, or paddock demo to see some"
    titles = ("job", "name", "state", "project", "kind", "try", "agent", "age", "why")
    out.table(titles, [_row(job) for job in jobs], empty, spare=("kind", "try", "project"))
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
        job["reason"] or WAITS.get(job["state"]),
    ]
