"""`paddock licence`: how many agents may work, how much each may hold, and which kinds of jobs they get."""

import argparse
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import at
from paddock.cli.review import login_name

EXAMPLE = """\
paddock licence set --plan standard
paddock licence set default --agents 3 --tasks 2 --feature command --feature 'review.*' --grace 24h
paddock licence set acme --agents 10 --expires 30d
paddock licence list
paddock licence remove acme"""


def main(verb: str, words: list[str]) -> int:
    """Sets, lists or removes licences."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    setting = args.for_part(parts, "set", "set a licence, in place of the one of its name", _set)
    setting.add_argument("name", nargs="?", default="default", help="default is every agent's whose token names none")
    setting.add_argument("--plan", help="a word for it; trial, standard and enterprise bring terms of their own")
    setting.add_argument("--agents", type=int, metavar="N", help="agents that work at a time; more wait (no bound)")
    setting.add_argument("--tasks", type=int, metavar="N", help="jobs that one agent holds at a time (no bound)")
    setting.add_argument(
        "--feature", action="append", help="a kind of job that its agents get, or a family such as review.* (all)"
    )
    setting.add_argument("--channel", help="its agents' channel: stable, beta, dev or lts (stable)")
    setting.add_argument("--binding", help="required, optional or none: what it means that an agent moves (optional)")
    setting.add_argument(
        "--grace", type=args.span, metavar="SPAN", help="how long agents work on unheard, such as 24h (no bound)"
    )
    setting.add_argument(
        "--expires", type=args.span, metavar="SPAN", help="how long it is good, such as 30d (for ever)"
    )
    args.for_part(parts, "list", "list the licences, with who works under each and who waits", _list)
    removing = args.for_part(parts, "remove", "remove a licence", _remove)
    removing.add_argument("name", help="its name")
    return args.act(parser, words)


def _set(found: argparse.Namespace) -> int:
    given = {
        "plan": found.plan,
        "max_agents": found.agents,
        "max_tasks": found.tasks,
        "features": found.feature,
        "channel": found.channel,
        "binding": found.binding,
        "grace_s": None if found.grace is None else round(found.grace),
        "valid_s": None if found.expires is None else round(found.expires),
    }
    body = {name: value for name, value in given.items() if value is not None}
    licence = args.api_of(found).post(at("licences", found.name), {**body, "by": login_name()})
    if found.json:
        out.dump(licence)
    else:
        out.line(f"licence {licence['name']}: {_terms(licence)}")
    return 0


def _terms(one: dict[str, Any]) -> str:
    parts = [
        f"{one['max_agents']} agents" if one["max_agents"] else "any number of agents",
        f"{one['max_tasks']} jobs each" if one["max_tasks"] else "as many jobs as they have slots",
        "every kind" if "*" in one["features"] else f"only {', '.join(one['features']) or 'nothing'}",
        f"a grace of {out.span(one['grace_s'])}" if one["grace_s"] else "no end of grace",
    ]
    return ", ".join(parts)


def _list(found: argparse.Namespace) -> int:
    licences = args.api_of(found).get("/v1/licences")
    if found.json:
        out.dump(licences)
        return 0
    rows = [
        [
            one["name"],
            one["plan"],
            f"{len(one['seats'])}/{one['max_agents']}" if one["max_agents"] else "any",
            one["max_tasks"] or "any",
            " ".join(one["features"]),
            "expired" if one["expired"] else out.age(one["expires"]) if one["expires"] else "never",
            " ".join(one["waiting"]),
        ]
        for one in licences
    ]
    titles = ("licence", "plan", "seats", "jobs each", "features", "ends", "waiting for a seat")
    out.table(titles, rows, "no licence: agents are unlimited")
    return 0


def _remove(found: argparse.Namespace) -> int:
    gone = args.api_of(found).post(at("licences", found.name, "remove"), {"by": login_name()})
    if found.json:
        out.dump(gone)
    else:
        out.line(f"licence {gone['name']} is removed; agents without one are unlimited")
    return 0
