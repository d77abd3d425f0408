"""`paddock review rules`: how a project's changes are reviewed and what they need to merge."""

import argparse
import sys
from pathlib import Path
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import at
from paddock.core.errors import BadInput


def add_part(parts: "argparse._SubParsersAction[args.Parser]") -> None:
    """Adds the part to the verb."""
    part = args.for_part(parts, "rules", "show or set how a project's changes are reviewed and gated", _rules)
    part.add_argument("project", metavar="PROJECT")
    part.add_argument("--file", metavar="FILE", help="set them from this YAML or JSON file, - for standard input")
    part.add_argument(
        "--reviewer", action="append", metavar="NAME", help="set them to a built-in reviewer alone; repeatable"
    )
    part.add_argument("--humans", type=args.whole(0), metavar="N", help="with --reviewer: people who must approve")
    part.add_argument("--as", dest="by", metavar="NAME", help="who sets them; the login name when left out")


def _rules(found: argparse.Namespace) -> int:
    from paddock.cli.review import login_name

    api, where = args.api_of(found), at("projects", found.project, "review")
    given = _given(found)
    rules = api.get(where) if given is None else api.post(where, {"rules": given, "by": found.by or login_name()})
    if found.json:
        out.dump(rules)
        return 0
    _print(rules)
    return 0


def _given(found: argparse.Namespace) -> object:
    """The rules that the words set; None when they only ask. Raises: BadInput."""
    if found.file and found.reviewer:
        raise BadInput("either --file or --reviewer, not both")
    if found.file:
        return _read(found.file)
    if found.reviewer:
        return {"reviewers": found.reviewer} | ({} if found.humans is None else {"humans": found.humans})
    if found.humans is not None:
        raise BadInput("--humans goes with --reviewer", hint="or say `humans` in a file and give --file")
    return None


def _read(name: str) -> object:
    import yaml

    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        return yaml.safe_load(text) or {}
    except OSError as error:
        raise BadInput(f"{name}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{name}: {' '.join(str(error).split())}") from None


def _resolver(rules: dict[str, Any]) -> str:
    found = rules.get("resolver")
    return f"{_start(found) or 'what the job ran'}, {found['rounds']} rounds" if found else ""


def _start(worker: dict[str, Any]) -> str:
    return " ".join(worker["argv"]) or str(worker["agent"])


def _print(rules: dict[str, Any]) -> None:
    bounds = f"{rules['rounds']} rounds of {rules['per_round']}, {rules['in_all']} findings, {rules['seconds']} s"
    fixers = [f"{_start(one)} for {', '.join(one['findings'])}" for one in rules["fixers"]]
    owners = [f"{', '.join(one['paths'])}: {' or '.join(one['people'])}" for one in rules["owners"]]
    out.facts(
        {
            "reviewers": ", ".join([*rules["reviewers"], *(tool["name"] for tool in rules["tools"])]) or "none",
            "gate": f"findings that are {rules['gate']} or worse",
            "forbidden": ", ".join(rules["forbidden"]),
            "size": f"{rules['most_lines']} lines, {rules['most_files']} files",
            "fixers": "; ".join(fixers) or "none",
            "resolver": _resolver(rules),
            "bounds": bounds,
            "batch": str(rules["batch"]) if rules["batch"] > 1 else "",
            "humans": str(rules["humans"]),
            "owners": "; ".join(owners),
        }
    )
