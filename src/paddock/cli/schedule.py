"""`paddock schedule`: batches that are submitted again and again."""

import argparse
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import at
from paddock.cli.batch_file import read
from paddock.cli.review import login_name
from paddock.core.errors import BadInput

EXAMPLE = """\
paddock schedule add --cron "*/15 * * * *" --tz Europe/Berlin --job nightly.yaml --name nightly
paddock schedule add --every 1h --overlap queue --job sync.yaml --name sync
paddock schedule show nightly
paddock schedule list
paddock schedule pause nightly
paddock schedule resume nightly
paddock schedule remove nightly"""


def main(verb: str, words: list[str]) -> int:
    """Adds, lists, shows, pauses, resumes or removes schedules."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    add = args.for_part(parts, "add", "submit a batch again and again", _add)
    add.add_argument("--name", help="its name; the first job's when left out")
    add.add_argument(
        "--job", dest="file", metavar="FILE", required=True, help="a batch file, as `paddock submit` takes"
    )
    add.add_argument("--project", help="the project, in place of the batch's own")
    when = add.add_mutually_exclusive_group(required=True)
    when.add_argument("--cron", metavar="EXPR", help="five fields, or @hourly, @daily, @weekly, @monthly, @yearly")
    when.add_argument("--every", type=args.span, metavar="SPAN", help="a length of time, such as 15m")
    add.add_argument("--tz", metavar="ZONE", help="with --cron: the time zone, such as Europe/Berlin (UTC)")
    add.add_argument(
        "--overlap",
        choices=("skip", "queue", "replace"),
        default="skip",
        help="while its last jobs have not ended: skip a firing, queue it, or cancel them (skip)",
    )
    add.add_argument("--no-catch-up", action="store_true", help="leave out what was due while nobody was there")
    args.for_part(parts, "list", "list the schedules", _list)
    for name, about, act in (
        ("show", "a schedule and what became of its latest times", _show),
        ("pause", "fire no more until it is resumed", _pause),
        ("resume", "fire again, from the next time on", _resume),
        ("remove", "remove a schedule; its jobs stay", _remove),
    ):
        args.for_part(parts, name, about, act).add_argument("schedule", metavar="SCHEDULE", help="its name or id")
    return args.act(parser, words)


def _add(found: argparse.Namespace) -> int:
    batch = read(found.file)
    if found.project:
        batch.body["project"] = found.project
    batch.check()
    given = {"name": found.name, "cron": found.cron, "every": found.every, "tz": found.tz}
    body = {key: value for key, value in given.items() if value is not None}
    body |= {"batch": batch.body, "overlap": found.overlap, "catch_up": not found.no_catch_up}
    try:
        made = args.api_of(found).post("/v1/schedules", body)
    except BadInput as error:
        raise batch.placed(error) if error.where.startswith("jobs") else error from None
    return _told(found, made)


def _list(found: argparse.Namespace) -> int:
    schedules = args.api_of(found).get("/v1/schedules")
    if found.json:
        out.dump(schedules)
        return 0
    rows = [
        [one["name"], _when(one), one["project"], one["overlap"], "paused" if one["paused"] else out.clock(one["next"])]
        for one in schedules
    ]
    empty = "no schedules yet: paddock schedule add --every 1h --job FILE"
    out.table(("name", "when", "project", "overlap", "next"), rows, empty)
    return 0


def _when(schedule: dict[str, Any]) -> str:
    if schedule["every"] is not None:
        return f"every {out.span(schedule['every'])}"
    return f"{schedule['cron']} {schedule['tz']}"


def _show(found: argparse.Namespace) -> int:
    schedule = args.api_of(found).get(at("schedules", found.schedule))
    if found.json:
        out.dump(schedule)
        return 0
    out.facts(
        {
            "schedule": f"{schedule['id']}  {schedule['name']}",
            "when": _when(schedule),
            "project": schedule["project"],
            "jobs": ", ".join(str(job["id"]) for job in schedule["batch"]["jobs"]),
            "overlap": schedule["overlap"],
            "catches up": "once" if schedule["catch_up"] else "no",
            "next": "paused" if schedule["paused"] else out.clock(schedule["next"]),
        }
    )
    if schedule["firings"]:
        out.line()
        rows = [[out.clock(one["at"]), one["batch"], one["reason"]] for one in schedule["firings"]]
        out.table(("due", "batch", "why not"), rows, "")
    return 0


def _pause(found: argparse.Namespace) -> int:
    return _ask(found, "pause", paused=True)


def _resume(found: argparse.Namespace) -> int:
    return _ask(found, "pause", paused=False)


def _remove(found: argparse.Namespace) -> int:
    return _ask(found, "remove")


def _ask(found: argparse.Namespace, what: str, **more: object) -> int:
    changed = args.api_of(found).post(at("schedules", found.schedule, what), {"by": login_name(), **more})
    return _told(found, changed, "removed" if what == "remove" else "")


def _told(found: argparse.Namespace, schedule: dict[str, Any], words: str = "") -> int:
    if found.json:
        out.dump(schedule)
        return 0
    words = words or ("paused" if schedule["paused"] else f"next at {out.clock(schedule['next'])}")
    out.line(f"schedule {schedule['name']}: {_when(schedule)}, {words}")
    return 0
