"""`paddock limit`: how many jobs may run or start at a time."""

import argparse
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import at
from paddock.core.errors import BadInput

EXAMPLE = """\
paddock limit set gpu 2
paddock limit set --project shop --kind command 5
paddock limit set api --rate 10/1m
paddock limit list
paddock limit remove gpu"""


def main(verb: str, words: list[str]) -> int:
    """Sets, lists or removes limits."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    setting = args.for_part(parts, "set", "set a limit, in place of the one about the same jobs", _set)
    setting.add_argument("words", nargs="*", metavar="[KEY] [N]", help="jobs with this key in `limits`; N of them run")
    setting.add_argument("--rate", metavar="N/SPAN", help="N of them start within a time, such as 10/1m")
    args.for_part(parts, "list", "list the limits with what counts towards them", _list)
    removing = args.for_part(parts, "remove", "remove a limit", _remove)
    removing.add_argument("words", nargs="?", metavar="NAME", help="its key, or its name as the list shows it")
    for part in (setting, removing):
        part.add_argument("--project", help="only this project's jobs")
        part.add_argument("--kind", help="only jobs of this kind")
        part.add_argument("--capability", metavar="CAP", help="only jobs that require this capability")
    return args.act(parser, words)


def _set(found: argparse.Namespace) -> int:
    body: dict[str, Any] = _selectors(found)
    words = list(found.words)
    if words and words[-1].isdecimal():
        body["most"] = int(words.pop())
    elif not found.rate:
        raise BadInput("how many? the last word is no whole number", hint="paddock limit set KEY N, or --rate 10/1m")
    if len(words) > 1:
        raise BadInput(f"one key at a time, not {' '.join(words)!r}", hint="paddock limit set KEY N")
    if words:
        body["key"] = words[0]
    if found.rate:
        body["starts"], body["seconds"] = _rate(found.rate)
    limit = args.api_of(found).post("/v1/limits", body)
    if found.json:
        out.dump(limit)
        return 0
    out.line(f"limit {limit['name']}: {_bounds(limit)}")
    return 0


def _selectors(found: argparse.Namespace) -> dict[str, Any]:
    given = {"project": found.project, "kind": found.kind, "capability": found.capability}
    return {name: value for name, value in given.items() if value}


def _rate(given: str) -> tuple[int, float]:
    count, _, length = given.partition("/")
    try:
        return int(count), args.span(length if length[:1].isdigit() else f"1{length}")
    except (ValueError, argparse.ArgumentTypeError):
        raise BadInput(f"--rate {given!r} is no rate", hint="such as 10/1m or 100/h") from None


def _bounds(limit: dict[str, Any]) -> str:
    parts = [f"{limit['most']} at a time"] if limit["most"] is not None else []
    if limit["starts"] is not None:
        parts.append(f"{limit['starts']} starts in {out.span(limit['seconds'])}")
    return ", ".join(parts)


def _list(found: argparse.Namespace) -> int:
    limits = args.api_of(found).get("/v1/limits")
    if found.json:
        out.dump(limits)
        return 0
    rows = [
        [
            one["name"],
            _bounds(one),
            one["live"],
            one["started"] if one["starts"] is not None else "",
            "full" if not one["room"] else "",
        ]
        for one in limits
    ]
    out.table(("limit", "bounds", "run", "began", ""), rows, "no limits yet: paddock limit set KEY N")
    return 0


def _remove(found: argparse.Namespace) -> int:
    words = [f"{name}={value}" for name, value in _selectors(found).items()]
    if found.words and words:
        words.insert(0, f"key={found.words}")
    name = ",".join(words) or found.words
    if not name:
        raise BadInput("which limit?", hint="paddock limit list names them")
    gone = args.api_of(found).post(at("limits", name, "remove"), {})
    if found.json:
        out.dump(gone)
        return 0
    out.line(f"limit {gone['name']} is removed")
    return 0
