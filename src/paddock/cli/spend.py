"""`paddock spend`: what agents' time and models cost, prices, and budgets that stop a project."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from paddock.cli import args, out
from paddock.cli.review import login_name
from paddock.core.budgets import BOUNDS
from paddock.core.errors import BadInput, why
from paddock.core.money import parse, short

EXAMPLE = """\
paddock spend --days 1
paddock spend prices --set prices.json
paddock spend budget shop --money-a-day 40 --money-since-merge 15 --money-a-job 5
paddock spend budget shop --a-day 8h --since-merge 2h
paddock spend budget --fleet --tokens-a-day 200000000
paddock spend budget shop --none"""

_FLAGS = {
    "money_day": ("--money-a-day", "money within any 24 hours, such as 40; then jobs wait"),
    "money_merge": ("--money-since-merge", "money since a change was last merged; then the project stops"),
    "money_job": ("--money-a-job", "money for each job that has no budget of its own; then it is parked"),
    "tokens_day": ("--tokens-a-day", "the same in tokens"),
    "tokens_merge": ("--tokens-since-merge", "the same in tokens"),
    "tokens_job": ("--tokens-a-job", "the same in tokens"),
}


def main(verb: str, words: list[str]) -> int:
    """Shows what was spent, or sets a budget or prices."""
    parser = args.for_verb(verb, EXAMPLE)
    parser.set_defaults(act=_show)
    parser.add_argument("--days", type=float, default=7.0, metavar="N", help="of the last days (7)")
    parser.add_argument("--project", help="only this project's")
    parts = args.parts_of(parser)
    parts.required = False
    _budget_words(args.for_part(parts, "budget", "set how much agents may spend; what runs goes on", _budget))
    part = args.for_part(parts, "prices", "show or set what models cost, for a million tokens", _prices)
    part.add_argument("name", nargs="?", metavar="PROJECT", help="its own prices; the fleet's when left out")
    part.add_argument("--set", metavar="FILE", help="a JSON file, or - for standard input; it replaces what was set")
    part.add_argument("--none", action="store_true", help="remove the prices")
    part.add_argument("--as", dest="by", metavar="NAME", help="who sets them; the login name when left out")
    return args.act(parser, words)


def _budget_words(part: argparse.ArgumentParser) -> None:
    part.add_argument("name", nargs="?", metavar="PROJECT")
    part.add_argument("--fleet", action="store_true", help="the whole fleet's budget")
    part.add_argument("--a-day", type=args.span, metavar="SPAN", help="agents' time within any 24 hours, such as 8h")
    part.add_argument(
        "--since-merge", type=args.span, metavar="SPAN", help="agents' time since a change was last merged, such as 2h"
    )
    for name, (flag, about) in _FLAGS.items():
        if name.startswith("money"):
            part.add_argument(flag, dest=name, metavar="AMOUNT", type=_amount, help=about)
        else:
            part.add_argument(flag, dest=name, metavar="N", type=args.whole(1), help=about)
    part.add_argument("--none", action="store_true", help="remove the budget")
    part.add_argument("--as", dest="by", metavar="NAME", help="who sets it; the login name when left out")


def _amount(text: str) -> str:
    """An argument's type: an amount of money."""
    try:
        parse(text, repr(text))
    except BadInput as error:
        raise argparse.ArgumentTypeError(error.message) from None
    return text


def _show(found: argparse.Namespace) -> int:
    told = args.api_of(found).get("/v1/spend", days=found.days, project=found.project)
    if found.json:
        out.dump(told)
        return 0
    rows: list[list[object]] = []
    for one in told["projects"]:
        rows.append([one["project"], "", "", *_figures(one), one["merged"], _each(one)])
        for kind in one["kinds"]:
            rows.append(["", kind["kind"], "", *_figures(kind), "", ""])
            rows += [["", "", model["model"] or "not told", *_figures(model), "", ""] for model in kind["models"]]
    titles = ("project", "kind", "model", "runs", "time", "at risk", told["currency"], "tokens", "merged", "for each")
    out.table(titles, rows, f"nothing ran in the last {found.days:g} days")
    _notes(told)
    for budget in told["budgets"]:
        _print(budget, told["currency"])
    return 0


def _notes(told: dict[str, Any]) -> None:
    if told["unknown"]:
        out.line(f"uses of models whose cost is unknown: {told['unknown']}; {short(told['supposed'])} counts for them")
    if told["silent"]:
        out.line(f"runs without a budget that told nothing of models: {told['silent']}")
    if told["reserved_tokens"] or told["reserved_money"] != "0":
        reserved = f"{short(told['reserved_money'])} {told['currency']}, {told['reserved_tokens']:,} tokens"
        out.line(f"reserved for what runs: {reserved}")


def _figures(one: dict[str, Any]) -> list[object]:
    cost = f"{short(one['money'])}{' +?' if one['unknown'] else ''}" if one["tokens"] or one["money"] != "0" else ""
    cost = "unknown" if one["unknown"] and not cost else cost
    risk = out.span(one["at_risk"]) if one.get("at_risk") else ""
    return [one["runs"], out.span(one["seconds"]), risk, cost, f"{one['tokens']:,}" if one["tokens"] else ""]


def _each(one: dict[str, Any]) -> str:
    if one["per_merge"] is None:
        return "nothing merged"
    cost = f"{short(one['money_per_merge'])}, " if one["money_per_merge"] != "0" else ""
    return cost + out.span(one["per_merge"])


def _print(budget: dict[str, Any], currency: str) -> None:
    bounds = [f"{out.span(budget['a_day'])} a day"] if budget["a_day"] else []
    bounds += [f"{out.span(budget['since_merge'])} since a merge"] if budget["since_merge"] else []
    for name in BOUNDS:
        what, _, window = name.partition("_")
        if budget[name]:
            amount = f"{short(budget[name])} {currency}".strip() if what == "money" else f"{budget[name]:,} tokens"
            bounds.append(f"{amount} {'since a merge' if window == 'merge' else f'a {window}'}")
    stands = f"used up: {budget['reason']}" if budget["used_up"] else "pauses nothing"
    out.line(f"budget of {budget['project'] or 'the fleet'}: {', '.join(bounds)}; {out.plain(stands)}")


def _budget(found: argparse.Namespace) -> int:
    if bool(found.name) == found.fleet:
        raise BadInput("whose budget?", hint="name one project, or say --fleet")
    given = {name: value for name in ("a_day", "since_merge", *BOUNDS) if (value := getattr(found, name))}
    if found.none == bool(given):
        raise BadInput("which bounds?", hint="--money-a-day, --since-merge or another; --none removes them")
    body = {"project": found.name or "", "by": found.by or login_name(), **given}
    told = args.api_of(found).post("/v1/budgets", body)
    if found.json:
        out.dump(told)
        return 0
    if told["removed"]:
        out.line(f"the budget of {told['project'] or 'the fleet'} is removed; a pause stays until it is resumed")
    else:
        _print({**told, "used_up": None}, "")
    return 0


def _prices(found: argparse.Namespace) -> int:
    api = args.api_of(found)
    if found.set and found.none:
        raise BadInput("--set or --none?")
    if found.set or found.none:
        prices = _read(found.set) if found.set else {}
        told = [api.post("/v1/prices", {"project": found.name or "", "prices": prices, "by": found.by or login_name()})]
    else:
        told = [one for one in api.get("/v1/prices") if found.name in (None, one["project"])]
    if found.json:
        out.dump(told)
        return 0
    parts = ("input", "cached", "cache_write", "output")
    rows = [
        [one["project"] or "the fleet", name, *(price.get(part, "") for part in parts)]
        for one in told
        for name, price in one["models"].items()
    ]
    out.table(("prices of", "model", "input", "cached", "cache write", "output"), rows, "no prices are set")
    return 0


def _read(name: str) -> Any:
    try:
        return json.loads(sys.stdin.read() if name == "-" else Path(name).read_text())
    except (OSError, ValueError) as error:
        raise BadInput(f"{name}: {why(error)}") from None
