"""`paddock people`: who may log in, and as what."""

import argparse
from typing import Any

from paddock.cli import args, out
from paddock.cli.api import at

EXAMPLE = """\
paddock people add ann --role operator
paddock people list
paddock people role ann release-manager
paddock people sessions ann --end
paddock people disable ann
paddock people link bob
paddock people enable bob"""
ROLES = "viewer, operator, release-manager, security-admin or owner"


def main(verb: str, words: list[str]) -> int:
    """Adds, lists, promotes or disables people."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    args.for_part(parts, "list", "list people with their roles", _list)
    add = args.for_part(parts, "add", "add a person; prints the link by which they set a password", _add)
    add.add_argument("--role", default="viewer", help=f"{ROLES} (viewer)")
    link = args.for_part(parts, "link", "make another link by which a person sets a password", _link)
    role = args.for_part(parts, "role", "give a person another role", _role)
    disable = args.for_part(parts, "disable", "end a person's sessions and tokens, and let them in no more", _disable)
    enable = args.for_part(parts, "enable", "let a person in again", _disable)
    sessions = args.for_part(parts, "sessions", "list a person's sessions, or end them", _sessions)
    for part in (add, link, role, disable, enable, sessions):
        part.add_argument("name", metavar="NAME", help="the person's name")
    role.add_argument("role", metavar="ROLE", help=ROLES)
    sessions.add_argument("--end", nargs="?", const="", metavar="SESSION", help="end this one, or all of them")
    disable.set_defaults(disabled=True)
    enable.set_defaults(disabled=False)
    return args.act(parser, words)


def _list(found: argparse.Namespace) -> int:
    people = args.api_of(found).get("/v1/people")
    if found.json:
        out.dump(people)
        return 0
    rows = [[one["name"], one["role"], one["state"], one["login"], out.clock(one["created"])] for one in people]
    out.table(("name", "role", "state", "logs in by", "added"), rows, "nobody yet: paddock people add")
    return 0


def _show_link(found: argparse.Namespace, made: dict[str, Any]) -> int:
    if found.json:
        out.dump(made)
        return 0
    # The link alone on stdout, so that a shell can take it.
    if not made["link"].startswith("http"):
        out.note("nobody logs in at this control plane: start it with --auth people and --public ADDRESS; there it is")
    out.line(made["link"])
    out.note(f"{made['name']} ({made['role']}) sets a password there, once, until {out.clock(made['expires'])}")
    return 0


def _add(found: argparse.Namespace) -> int:
    return _show_link(found, args.api_of(found).post("/v1/people", {"name": found.name, "role": found.role}))


def _link(found: argparse.Namespace) -> int:
    return _show_link(found, args.api_of(found).post(at("people", found.name, "link"), {}))


def _role(found: argparse.Namespace) -> int:
    return _told(found, args.api_of(found).post(at("people", found.name, "role"), {"role": found.role}))


def _disable(found: argparse.Namespace) -> int:
    return _told(found, args.api_of(found).post(at("people", found.name, "disable"), {"disabled": found.disabled}))


def _told(found: argparse.Namespace, person: dict[str, Any]) -> int:
    if found.json:
        out.dump(person)
    else:
        out.line(f"{person['name']} is {person['role']}, {person['state']}")
    return 0


def _sessions(found: argparse.Namespace) -> int:
    api = args.api_of(found)
    if found.end is not None:
        told = api.post(at("people", found.name, "sessions", "end"), {"session": found.end})
        if found.json:
            out.dump(told)
        else:
            out.line(f"{told['ended']} sessions of {told['person']} are over")
        return 0
    sessions = api.get(at("people", found.name, "sessions"))
    if found.json:
        out.dump(sessions)
        return 0
    rows = [[one["id"], one["kind"], one["address"], one["program"], out.clock(one["expires"])] for one in sessions]
    out.table(("session", "kind", "from", "program", "ends"), rows, f"{found.name} has no session")
    return 0
