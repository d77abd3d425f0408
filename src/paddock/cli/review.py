"""`paddock review`: what jobs propose to merge, and the person who decides."""

import argparse
import getpass
from typing import Any

from paddock.cli import args, out, review_rules
from paddock.cli.api import at
from paddock.core.errors import BadInput

EXAMPLE = """\
paddock review list
paddock review show BUG-07
paddock review approve BUG-07 --note 'reads well'
paddock review ask-changes BUG-07 --note 'a test for the empty cart is missing'
paddock review rerun BUG-07
paddock review rules shop --file review.yaml
paddock review reject BUG-07 --note 'wrong file'
paddock review comment BUG-07 'see the report first'"""
_SAID = {"approve": "approved", "reject": "rejected", "ask-changes": "asked for changes of", "rerun": "runs again:"}
_LINE_COLOURS = {"+": "green", "-": "red", "@": "cyan", "d": "bold"}


def main(verb: str, words: list[str]) -> int:
    """Lists, shows or decides."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    listing = args.for_part(parts, "list", "changes, newest first", _list)
    listing.add_argument("--in", dest="within", metavar="STATE", help="only changes in this state, such as open")
    listing.add_argument("--project", help="only this project's")
    _of_change(args.for_part(parts, "show", "one change with its diff", _show))
    for name, about, act in (
        ("approve", "let it merge once its checks are green", _approve),
        ("reject", "close it; its job fails and may be retried", _reject),
        ("ask-changes", "say in --note what is still wanted; it goes on, or its job starts again", _ask),
        ("rerun", "run the checks and reviews of its head again, and a merge that gave up", _rerun),
    ):
        part = args.for_part(parts, name, about, act)
        _of_change(part)
        part.add_argument("--as", dest="by", metavar="NAME", help="who decides; the login name when left out")
        part.add_argument("--note", default="", help="why; the journal keeps it")
    saying = args.for_part(parts, "comment", "say something of a change, on its forge too", _comment)
    _of_change(saying)
    saying.add_argument("text", metavar="TEXT")
    saying.add_argument("--as", dest="by", metavar="NAME", help="who says it; the login name when left out")
    review_rules.add_part(parts)
    return args.act(parser, words)


def _of_change(part: args.Parser) -> None:
    part.add_argument("change", metavar="CHANGE", help="a change's id, or its job's id or name")


def _list(found: argparse.Namespace) -> int:
    changes = args.api_of(found).get("/v1/changes", state=found.within, project=found.project)
    if found.json:
        out.dump(changes)
        return 0
    rows = [
        [
            change["id"],
            change["name"],
            change["state"],
            change["project"],
            f"+{change['added']} -{change['removed']}",
            _checks(change),
            ", ".join(change["approved_by"]),
            out.age(change["created"]),
            change["reason"],
        ]
        for change in changes
    ]
    filtered = found.within or found.project
    empty = "no change passes this filter" if filtered else "no changes yet: a job that writes something opens one"
    titles = ("change", "job", "state", "project", "lines", "checks", "approved by", "age", "why")
    out.table(titles, rows, empty, spare=("project", "lines", "age"))
    return 0


def _checks(change: dict[str, Any]) -> str:
    of_head = [found for found in change["evidence"] if found.get("head") == change["head"]]
    return "" if not of_head else "green" if of_head[-1]["green"] else "red"


def _show(found: argparse.Namespace) -> int:
    api = args.api_of(found)
    change = api.get(at("changes", found.change))
    raw, _ = api.raw(at("changes", found.change, "diff"))
    diff = raw.decode(errors="replace")
    if found.json:
        out.dump({**change, "diff": diff})
        return 0
    gate = change.get("gate", {})
    out.facts(
        {
            "change": f"{change['id']}  {change['name']}",
            "state": change["state"],
            "why": change["reason"],
            "project": change["project"],
            "branch": change["branch"],
            "base": change["base"],
            "head": change["head"],
            "lines": f"+{change['added']} -{change['removed']} in {out.count(len(change['files']), 'file')}",
            "checks": _checks(change) or "none yet",
            "approved by": ", ".join(change["approved_by"]),
            "in the way": "; ".join(gate.get("reasons", [])),
            "review": _review(change["review"]),
            "merged as": change["merged_commit"],
            "on its forge": _forge(change["forge"]),
        }
    )
    out.line()
    for line in out.visible(diff).splitlines():
        out.line(out.paint(line, _LINE_COLOURS.get(line[:1], "")))
    return 0


def _forge(shown: dict[str, Any] | None) -> str:
    """Where a change is shown on a forge, how it stands there, and what is wrong with showing it."""
    if shown is None:
        return ""
    said = ", ".join(filter(None, (shown["number"] and f"number {shown['number']}", shown["state"], shown["trouble"])))
    return f"{shown['url']}  {said}".strip()


def _review(review: dict[str, Any] | None) -> str:
    """Where the reviews of a change stand, in a few words; `paddock findings` has the rest."""
    if review is None:
        return ""
    open_ = sum(one["state"] == "open" for one in review["findings"])
    at_work = "at work" if review["reviewed"] else "not reviewed yet"
    return f"{open_} open of {len(review['findings'])} findings, round {review['round']} of {review['rounds']}, " + (
        review["stop"] or at_work
    )


def _approve(found: argparse.Namespace) -> int:
    return _decide(found, "approve")


def _reject(found: argparse.Namespace) -> int:
    return _decide(found, "reject")


def _ask(found: argparse.Namespace) -> int:
    if not found.note.strip():
        raise BadInput("--note is missing", hint="say what is still wanted")
    return _decide(found, "ask-changes")


def _rerun(found: argparse.Namespace) -> int:
    return _decide(found, "rerun")


def _decide(found: argparse.Namespace, what: str) -> int:
    body = {"by": found.by or login_name(), "note": found.note}
    change = args.api_of(found).post(at("changes", found.change, what), body)
    if found.json:
        out.dump(change)
        return 0
    said = _SAID[what]
    reasons = "; ".join(change.get("gate", {}).get("reasons", [])) if what == "approve" else ""
    out.line(f"{said} {change['name']} ({change['id']}) as {out.plain(body['by'])}, now {change['state']}")
    if reasons and change["state"] == "open":
        out.line(f"  still in the way: {out.plain(reasons)}")
    return 0


def _comment(found: argparse.Namespace) -> int:
    body = {"by": found.by or login_name(), "text": found.text}
    said = args.api_of(found).post(at("changes", found.change, "comment"), body)
    if found.json:
        out.dump(said)
        return 0
    out.line(f"said of change {said['change']}" + (", and on its way to the forge" if said["forge"] else ""))
    return 0


def login_name() -> str:
    """Who sits here; `nobody` where the system cannot tell."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "nobody"
