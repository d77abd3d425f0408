"""`paddock secret`: values that jobs of a project name, and that only the agent which gets such a job can open."""

import argparse
import getpass
import sys
from pathlib import Path

from paddock.cli import args, out
from paddock.cli.api import at
from paddock.cli.review import login_name
from paddock.core.errors import BadInput, why

EXAMPLE = """\
paddock secret set npm --project shop --file npm.token
pass show npm | paddock secret set npm --project shop
paddock secret list
paddock secret remove npm --project shop"""


def main(verb: str, words: list[str]) -> int:
    """Sets, lists or removes secrets; no value is ever shown."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    setting = args.for_part(parts, "set", "set a secret; its value is read from a file, a pipe or the terminal", _set)
    setting.add_argument("--file", type=Path, help="the file that holds the value (standard input)")
    removing = args.for_part(parts, "remove", "remove a secret", _remove)
    for part in (setting, removing):
        part.add_argument("name", metavar="NAME", help="what jobs name in scope.secrets")
        part.add_argument("--project", required=True, help="whose jobs may name it")
    args.for_part(parts, "list", "list the secrets, without their values", _list)
    return args.act(parser, words)


def _value(file: Path | None) -> str:
    try:
        if file is not None:
            return file.read_text()
        return getpass.getpass("value: ") if sys.stdin.isatty() else sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file or 'the value'} cannot be read: {why(error)}") from None


def _set(found: argparse.Namespace) -> int:
    body = {"value": _value(found.file), "by": login_name()}
    return _tell(found, args.api_of(found).post(at("secrets", found.project, found.name), body), "is set")


def _remove(found: argparse.Namespace) -> int:
    path = at("secrets", found.project, found.name, "remove")
    return _tell(found, args.api_of(found).post(path, {"by": login_name()}), "is removed")


def _tell(found: argparse.Namespace, told: dict[str, object], what: str) -> int:
    if found.json:
        out.dump(told)
    else:
        out.line(f"{out.plain(found.name)} of {out.plain(found.project)} {what}")
    return 0


def _list(found: argparse.Namespace) -> int:
    secrets = args.api_of(found).get("/v1/secrets")
    if found.json:
        out.dump(secrets)
        return 0
    rows = [
        [one["project"], one["name"], out.age(one["changed"]), one["by"], "" if one["held"] else "other keys"]
        for one in secrets
    ]
    out.table(("project", "secret", "set", "by", ""), rows, "no secrets")
    return 0
