"""`paddock login`: a session with a control plane that people log in to."""

import argparse

from paddock.cli import args, out
from paddock.cli.credentials import Credentials, ask
from paddock.cli.review import login_name
from paddock.core.errors import BadInput

EXAMPLE = """\
paddock login --server https://paddock.example.org --as ann
paddock login --as ann < password"""


def main(verb: str, words: list[str]) -> int:
    """Asks for the password, unseen, and keeps the session where only this user reads it."""
    parser = args.for_verb(verb, EXAMPLE)
    parser.add_argument("--as", dest="name", metavar="NAME", help="who logs in; the login name when left out")
    found = args.read(parser, words)
    return _log_in(found)


def _log_in(found: argparse.Namespace) -> int:
    settings = args.settings_of(found)
    name = found.name or login_name()
    from paddock.cli.api import Api

    kept = Credentials(settings.server, settings.home)
    kept.check()
    password = ask(f"Password of {name} at {settings.server}: ")
    if not password:
        raise BadInput("there is no password", hint="type it in a terminal, or give it on standard input")
    body = {"name": name, "password": password, "kind": "cli"}
    told = Api(settings.server).post("/v1/login", body)
    kept.keep(told["session"])
    if found.json:
        out.dump({"name": told["name"], "role": told["role"], "server": settings.server})
    else:
        out.line(f"logged in at {settings.server} as {told['name']} ({told['role']})")
    return 0
