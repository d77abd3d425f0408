"""`paddock project forge`: where a project's changes are shown beside Paddock."""

import argparse
import sys
from pathlib import Path
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import Api, at
from paddock.cli.review import login_name
from paddock.core.errors import BadInput

_FLAGS = ("forge", "forge_token_file", "forge_secret_file", "merge", "person")


def add_part(parts: "argparse._SubParsersAction[args.Parser]") -> None:
    """Adds the part to the verb's own."""
    part = args.for_part(parts, "forge", "show a project's changes on a forge; without flags, how that stands", _forge)
    part.add_argument("project", metavar="NAME")
    add_flags(part)
    part.add_argument("--remove", action="store_true", help="show changes there no more")
    part.add_argument("--as", dest="by", metavar="NAME", help="who does it; the login name when left out")


def add_flags(part: args.Parser) -> None:
    """The flags that say which forge, and how."""
    part.add_argument(
        "--forge", metavar="FORGE", help="such as github:owner/name or gitlab:https://git.example.org/group/name"
    )
    part.add_argument(
        "--forge-token-file", metavar="FILE", help="a file with the forge's token, - for stdin; no agent ever gets it"
    )
    part.add_argument(
        "--forge-secret-file", metavar="FILE", help="a file with the webhooks' secret; one is made when left out"
    )
    part.add_argument(
        "--merge", metavar="WHO", choices=("queue", "forge"), help="who merges: Paddock's queue (default) or the forge"
    )
    part.add_argument(
        "--person",
        metavar="LOGIN=NAME",
        action="append",
        help="whose approvals there count, and who that is here; replaces all that were set; repeatable",
    )


def body_of(found: argparse.Namespace) -> dict[str, Any]:
    """What the flags ask for; empty when there are none. Raises: BadInput."""
    if not any(getattr(found, name) for name in _FLAGS):
        return {}
    body: dict[str, Any] = {"by": getattr(found, "by", None) or login_name()}
    if found.forge:
        body["forge"] = found.forge
    if found.forge_token_file:
        body["token"] = _read(found.forge_token_file)
    if found.forge_secret_file:
        body["secret"] = _read(found.forge_secret_file)
    if found.merge:
        body["merge"] = found.merge
    if found.person is not None:
        body["people"] = dict(_person(one) for one in found.person)
    return body


def _person(given: str) -> tuple[str, str]:
    login, equals, name = given.partition("=")
    if not equals or not login or not name:
        raise BadInput(f"--person {given!r}: expected LOGIN=NAME", hint="such as --person octocat=anna")
    return login, name


def _read(name: str) -> str:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no text"
        raise BadInput(f"cannot read {name}: {why}") from None
    if not text.strip():
        raise BadInput(f"{name} is empty")
    return text.strip()


def _forge(found: argparse.Namespace) -> int:
    api, place, body = args.api_of(found), at("projects", found.project, "forge"), body_of(found)
    if found.remove:
        return _removed(found, api, place)
    shown = api.post(place, body) if body else api.get(place)
    if found.json:
        out.dump(shown)
        return 0
    tell(found, shown)
    return 0


def _removed(found: argparse.Namespace, api: Api, place: str) -> int:
    made = api.post(f"{place}/remove", {"by": found.by or login_name()})
    if found.json:
        out.dump(made)
    else:
        out.line(f"project {made['project']}: its changes are shown in Paddock alone")
    return 0


def tell(found: argparse.Namespace, shown: dict[str, Any]) -> None:
    """A project's forge for people's eyes."""
    people = ", ".join(f"{login} is {name}" for login, name in shown["people"].items())
    facts = {
        "project": shown["project"],
        "forge": shown["forge"],
        "token of": shown["login"] or "an app",
        "merges": "the forge" if shown["merge"] == "forge" else "Paddock's queue",
        "approvals of": people or "nobody: --person LOGIN=NAME",
        "quota": _quota(shown["quota"]),
        "webhooks to": args.settings_of(found).server.rstrip("/") + shown["webhook"],
        "last webhook": out.clock(shown["heard"]) if shown["heard"] else "none yet: it is looked at once a minute",
    }
    if "webhook_secret" in shown:
        facts["secret"] = f"{shown['webhook_secret']} (shown once)"
    out.facts(facts)
    rows = [
        [one["what"], one["number"], one["state"], one["url"], "done" if one["done"] else "", one["trouble"]]
        for one in shown["work"]
    ]
    if rows:
        out.line()
        out.table(("what", "number", "state", "address", "", "trouble"), rows, "")


def _quota(quota: dict[str, Any]) -> str:
    if not quota:
        return "nothing was asked yet"
    asked = f"{quota['spent']} requests made, {quota['saved']} of them answered from what was known"
    left = f"; {quota['remaining']} of {quota['limit']} left" if quota["limit"] > 0 else ""
    return asked + left
