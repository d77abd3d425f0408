"""`paddock activate`: gives an agent its identity and ends; `paddock run` does the same when it has a token."""

import argparse
import asyncio
import os
import shlex

from paddock.cli import args, out
from paddock.core.errors import BadInput

EXAMPLE = """\
paddock activate --name build-host-3 --token-file /run/secrets/paddock-token
paddock token mint | paddock activate --name build-host-3 --token-file -"""


def main(verb: str, words: list[str]) -> int:
    """Redeems the token for a key made here; the key never leaves the state directory."""
    parser = args.for_verb(verb, EXAMPLE)
    args.add_settings(parser, "name", "state", "token_file")
    parser.add_argument("--anew", action="store_true", help="give up the identity that the state directory has")
    found = args.read(parser, words)
    settings = args.settings_of(found)
    token = settings.secret()
    if not token:
        raise BadInput("there is no activation token", hint="give it in PADDOCK_TOKEN or with --token-file")
    from paddock.agent.fresh import clear
    from paddock.agent.identity import activate, lock_state

    held = lock_state(settings.state)
    try:
        clear(settings.state, anew=found.anew)
        identity = asyncio.run(activate(settings.state, settings.server, settings.name, token))
    finally:
        os.close(held)
    if found.json:
        out.dump({"agent": identity.agent, "name": settings.name, "server": identity.server})
    else:
        out.line(
            f"{settings.name} is {identity.agent} at {identity.server}; start it with `paddock run{_where(found)}`"
        )
    return 0


def _where(found: argparse.Namespace) -> str:
    """The flags without which `paddock run` would look elsewhere."""
    given = args.given(found)
    return "".join(f" --{name} {shlex.quote(str(given[name]))}" for name in ("name", "state") if name in given)
