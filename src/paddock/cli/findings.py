"""`paddock findings`: what reviews found, and the person who says that something need not be fixed."""

import argparse
import time
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import at
from paddock.cli.review import login_name
from paddock.core.errors import BadInput

EXAMPLE = """\
paddock findings list --change BUG-07
paddock findings show f01m7yjd8em2x4k9s0ab
paddock findings dismiss f01m7yjd8em2x4k9s0ab --note 'the address is an example'
paddock findings file f01m7yjd8em2x4k9s0ab
paddock findings reopen f01m7yjd8em2x4k9s0ab"""
# Seconds to wait for the forge's answers.
FILE_S = 30.0
_COLOURS = {"critical": "red", "high": "red", "medium": "yellow"}


def main(verb: str, words: list[str]) -> int:
    """Lists, shows, dismisses or reopens findings."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    listing = args.for_part(parts, "list", "findings, newest first", _list)
    listing.add_argument("--change", metavar="CHANGE", help="only this change's: its id, or its job's id or name")
    listing.add_argument("--project", help="only this project's")
    listing.add_argument("--in", dest="within", metavar="STATE", help="only those that are open, fixed or dismissed")
    _of_finding(args.for_part(parts, "show", "one finding", _show))
    for name, about, act in (
        ("dismiss", "say that it need not be fixed; it no longer keeps its change from merging", _dismiss),
        ("reopen", "take that back", _reopen),
    ):
        part = args.for_part(parts, name, about, act)
        _of_finding(part)
        part.add_argument("--as", dest="by", metavar="NAME", help="who decides; the login name when left out")
        part.add_argument("--note", default="", help="why; the journal keeps it")
    filing = args.for_part(parts, "file", "file findings as issues on their project's forge, each once", _file)
    filing.add_argument("findings", metavar="FINDING", nargs="*", help="findings' ids, or the beginnings of them")
    filing.add_argument("--change", metavar="CHANGE", help="all open ones of this change")
    filing.add_argument("--as", dest="by", metavar="NAME", help="who does it; the login name when left out")
    return args.act(parser, words)


def _of_finding(part: args.Parser) -> None:
    part.add_argument("finding", metavar="FINDING", help="a finding's id, or the beginning of it")


def _list(found: argparse.Namespace) -> int:
    listed = args.api_of(found).get("/v1/findings", change=found.change, project=found.project, state=found.within)
    if found.json:
        out.dump(listed)
        return 0
    rows = [
        [one["id"], one["state"], one["severity"], one["name"], place(one), one["message"], out.age(one["updated"])]
        for one in listed
    ]
    filtered = found.change or found.project or found.within
    empty = (
        "no finding passes this filter" if filtered else "no findings yet: paddock review rules PROJECT sets reviewers"
    )
    out.table(("finding", "state", "severity", "rule", "place", "message", "age"), rows, empty)
    return 0


def place(one: dict[str, Any]) -> str:
    """Where a finding is: FILE:LINE, FILE, or nothing for a whole change."""
    return f"{one['path']}:{one['line']}" if one["line"] else str(one["path"])


def _show(found: argparse.Namespace) -> int:
    one = args.api_of(found).get(at("findings", found.finding))
    if found.json:
        out.dump(one)
        return 0
    _print(one)
    return 0


def _print(one: dict[str, Any]) -> None:
    out.facts(
        {
            "finding": one["id"],
            "state": one["state"] + (f" by {one['by']}" if one["by"] else ""),
            "note": one["note"],
            "severity": one["severity"],
            "rule": one["name"],
            "place": place(one) or "the whole change",
            "message": one["message"],
            "change": one["change"],
            "project": one["project"],
            "last found on": one["head"],
            "given to fixers": f"{one['times']} times" if one["times"] else "",
        }
    )


def _dismiss(found: argparse.Namespace) -> int:
    return _judge(found, "dismiss")


def _reopen(found: argparse.Namespace) -> int:
    return _judge(found, "reopen")


def _judge(found: argparse.Namespace, what: str) -> int:
    body = {"by": found.by or login_name(), "note": found.note}
    one = args.api_of(found).post(at("findings", found.finding, what), body)
    if found.json:
        out.dump(one)
        return 0
    out.line(f"finding {one['id']} ({one['name']} in {place(one) or 'the whole change'}) is {one['state']}")
    return 0


def _file(found: argparse.Namespace) -> int:
    api, body = args.api_of(found), {"by": found.by or login_name()}
    refs = list(found.findings)
    if found.change:
        refs += [one["id"] for one in api.get("/v1/findings", change=found.change, state="open")]
    elif not refs:
        raise BadInput("which findings?", hint="name some, or --change CHANGE for all its open ones")
    filed = [api.post(at("findings", ref, "file"), body) for ref in refs]
    deadline = time.monotonic() + FILE_S
    while any(not one["done"] and not one["trouble"] for one in filed) and time.monotonic() < deadline:
        time.sleep(0.3)
        filed = [one if one["done"] else api.post(at("findings", one["finding"], "file"), body) for one in filed]
    if found.json:
        out.dump(filed)
        return 0
    if not filed:
        out.line(f"no finding of {found.change} is open")
    for one in filed:
        state = one["url"] if one["number"] else one["trouble"] or "on its way: `paddock project forge` tells"
        out.line(f"finding {one['finding']}: {out.plain(state)}")
    return 1 if any(one["trouble"] for one in filed) else 0
