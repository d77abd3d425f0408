"""`paddock job`: one job, by its id or its name."""

import argparse
import sys
import time
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import at
from paddock.core.errors import Conflict
from paddock.core.money import plain, short

EXAMPLE = """\
paddock job show BUG-07
paddock job why BUG-07
paddock job logs -f BUG-07
paddock job cancel BUG-07
paddock job retry BUG-07
paddock job resume BUG-07"""
# Seconds between two looks at a log that grows.
FOLLOW = 0.25


def main(verb: str, words: list[str]) -> int:
    """Does what its part says."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    for name, about, act in (
        ("show", "everything about a job", _show),
        ("why", "why a job waits", _why),
        ("logs", "what its run printed", _logs),
        ("cancel", "cancel it; a run is ended", _cancel),
        ("retry", "give an ended job a fresh set of tries", _retry),
        ("resume", "let a parked job go on; what it spent counts anew", _resume),
    ):
        part = args.for_part(parts, name, about, act)
        part.add_argument("job", metavar="JOB", help="a job's id, or its name in the batch")
        if name == "logs":
            part.add_argument("-f", "--follow", action="store_true", help="go on until the run has ended")
            part.add_argument("--epoch", type=args.whole(1), metavar="N", help="of an earlier attempt")
    return args.act(parser, words)


def _show(found: argparse.Namespace) -> int:
    job = args.api_of(found).get(at("jobs", found.job))
    if found.json:
        out.dump(job)
        return 0
    out.facts(
        {
            "job": f"{job['id']}  {job['name']}",
            "state": job["state"],
            "why": job["reason"],
            "project": job["project"],
            "kind": job["kind"],
            "runs": " ".join(map(str, job["payload"].get("argv", []))),
            "writes": ", ".join(job["scope"].get("files", {}).get("write", [])),
            "may cost": _caps(job["budget"]),
            "priority": job["priority"],
            "tries": f"{job['attempt']} of {job['max_attempts']}, {job['losses']} lost",
            "agent": job["agent"],
            "change": job["change"],
            "needs": ", ".join(f"{need['name']} ({need['state']})" for need in job["depends_on"]),
            "labels": ", ".join(job["labels"]),
            "limits": ", ".join(job["limits"]),
            "exclusive": job["exclusive"],
            "unique": job["unique"],
            "not before": out.clock(job["not_before"]),
            "cancel": job["cancel"],
            "submitted": out.clock(job["created"]),
            "started": out.clock(job["started"]),
            "ended": out.clock(job["ended"]),
        }
    )
    _attempts(job["attempts"])
    return 0


def _caps(budget: dict[str, Any]) -> str:
    """What a job may cost; empty for no bound."""
    amount = f"{short(plain(budget['money']))} of money" if "money" in budget else ""
    tokens = f"{budget['tokens']:,} tokens" if "tokens" in budget else ""
    return ", ".join(filter(None, (amount, tokens, out.span(budget["time"]) if "time" in budget else "")))


def _attempts(attempts: list[dict[str, Any]]) -> None:
    if not attempts:
        return
    out.line()
    rows = [
        [
            attempt["epoch"],
            attempt["agent"],
            attempt["state"],
            attempt.get("code"),
            _took(attempt),
            attempt.get("wip_ref"),
            attempt.get("detail"),
        ]
        for attempt in attempts
    ]
    out.table(("epoch", "agent", "state", "code", "took", "saved as", "detail"), rows, "", spare=("took", "agent"))


def _took(attempt: dict[str, Any]) -> str:
    start, end = attempt.get("started") or attempt.get("claimed"), attempt.get("ended")
    return out.span((end - start) / 1_000) if start and end else ""


def _why(found: argparse.Namespace) -> int:
    why = args.api_of(found).get(at("jobs", found.job, "why"))
    if found.json:
        out.dump(why)
        return 0
    summary = why["summary"].removeprefix(f"it is {why['state']}").removeprefix(": ")
    out.line(
        f"{why.get('name') or why['job']} is {out.state(why['state'])}{': ' if summary else ''}{out.plain(summary)}"
    )
    for reason in why["reasons"]:
        who = next((str(value) for key, value in reason.items() if key != "reason"), "")
        out.line(f"  {out.plain(who)}: {out.plain(reason['reason'])}")
    if why["state"] in ("failed", "refused", "parked"):
        out.line(f"  what it printed: paddock job logs {found.job}; once that is mended: paddock job retry {found.job}")
    return 0


def _logs(found: argparse.Namespace) -> int:
    api = args.api_of(found)
    path, epoch, offset = at("jobs", found.job, "log"), found.epoch, 0
    while True:
        data, headers = api.raw(path, epoch=epoch, offset=offset)
        _write(data)
        offset = int(headers["Paddock-Offset"] or 0)
        current = int(headers["Paddock-Epoch"] or 0)
        if current != epoch and found.epoch is None:
            # The first look tells the attempt; all others stay with it.
            epoch = current or None
        if not found.follow or headers["Paddock-Final"] == "1":
            return 0
        if not data:
            time.sleep(FOLLOW)


def _write(data: bytes) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(out.visible(data.decode(errors="replace")))
        sys.stdout.flush()
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _cancel(found: argparse.Namespace) -> int:
    return _after(found, "cancel")


def _retry(found: argparse.Namespace) -> int:
    return _after(found, "retry")


def _resume(found: argparse.Namespace) -> int:
    state = args.api_of(found).get(at("jobs", found.job))["state"]
    if state != "parked":
        raise Conflict(f"job {found.job} is {state}", hint="only a parked job is resumed")
    return _after(found, "retry")


def _after(found: argparse.Namespace, what: str) -> int:
    job = args.api_of(found).post(at("jobs", found.job, what), {})
    if found.json:
        out.dump(job)
        return 0
    asked = "; its agent is told to end the run" if what == "cancel" and job["state"] == "leased" else ""
    out.line(f"{job['name']} is {out.state(job['state'])}{asked}")
    return 0
