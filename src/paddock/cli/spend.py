"""`paddock spend`: what agents' time went into, and budgets that stop a project."""

import argparse
from typing import Any

from paddock.cli import args, out
from paddock.cli.review import login_name
from paddock.core.errors import BadInput

EXAMPLE = """\
paddock spend --days 1
paddock spend budget shop --a-day 8h --since-merge 2h
paddock spend budget --fleet --a-day 3d
paddock spend budget shop --none"""


def main(verb: str, words: list[str]) -> int:
    """Shows what was spent, or sets a budget."""
    parser = args.for_verb(verb, EXAMPLE)
    parser.set_defaults(act=_show)
    parser.add_argument("--days", type=float, default=7.0, metavar="N", help="of the last days (7)")
    parser.add_argument("--project", help="only this project's")
    parts = args.parts_of(parser)
    parts.required = False
    part = args.for_part(parts, "budget", "set how much time agents may spend; what runs goes on", _budget)
    part.add_argument("name", nargs="?", metavar="PROJECT")
    part.add_argument("--fleet", action="store_true", help="the whole fleet's budget")
    part.add_argument("--a-day", type=args.span, metavar="SPAN", help="agents' time within any 24 hours, such as 8h")
    part.add_argument(
        "--since-merge", type=args.span, metavar="SPAN", help="agents' time since a change was last merged, such as 2h"
    )
    part.add_argument("--none", action="store_true", help="remove the budget")
    part.add_argument("--as", dest="by", metavar="NAME", help="who sets it; the login name when left out")
    return args.act(parser, words)


def _show(found: argparse.Namespace) -> int:
    told = args.api_of(found).get("/v1/spend", days=found.days, project=found.project)
    if found.json:
        out.dump(told)
        return 0
    rows: list[list[object]] = []
    for one in told["projects"]:
        rows.append([one["project"], "", *_figures(one), one["merged"], _each(one)])
        rows += [["", kind["kind"], *_figures(kind), "", ""] for kind in one["kinds"]]
    titles = ("project", "kind", "runs", "time", "at risk", "merged", "for each")
    out.table(titles, rows, f"nothing ran in the last {found.days:g} days")
    for budget in told["budgets"]:
        _print(budget)
    return 0


def _figures(one: dict[str, Any]) -> list[object]:
    return [one["runs"], out.span(one["seconds"]), out.span(one["at_risk"]) if one["at_risk"] else ""]


def _each(one: dict[str, Any]) -> str:
    return out.span(one["per_merge"]) if one["per_merge"] is not None else "nothing merged"


def _print(budget: dict[str, Any]) -> None:
    bounds = [f"{out.span(budget['a_day'])} a day"] if budget["a_day"] else []
    bounds += [f"{out.span(budget['since_merge'])} since a merge"] if budget["since_merge"] else []
    stands = f"used up: {budget['reason']}" if budget["used_up"] else "within it"
    out.line(f"budget of {budget['project'] or 'the fleet'}: {', '.join(bounds)}; {out.plain(stands)}")


def _budget(found: argparse.Namespace) -> int:
    if bool(found.name) == found.fleet:
        raise BadInput("whose budget?", hint="name one project, or say --fleet")
    if found.none == bool(found.a_day or found.since_merge):
        raise BadInput("which bounds?", hint="--a-day, --since-merge or both; --none removes them")
    body = {"project": found.name or "", "by": found.by or login_name()}
    body |= {name: value for name in ("a_day", "since_merge") if (value := getattr(found, name))}
    told = args.api_of(found).post("/v1/budgets", body)
    if found.json:
        out.dump(told)
        return 0
    if told["removed"]:
        out.line(f"the budget of {told['project'] or 'the fleet'} is removed; a pause stays until it is resumed")
    else:
        _print({**told, "used_up": None})
    return 0
