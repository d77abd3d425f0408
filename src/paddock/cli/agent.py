"""`paddock agent`: take an agent out of the fleet's work, and back."""

import argparse

from paddock.cli import args, out
from paddock.cli.api import at

EXAMPLE = "paddock agent drain build-host-3\npaddock agent resume build-host-3"


def main(verb: str, words: list[str]) -> int:
    """Drains or resumes an agent."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    for name, about, draining in (
        ("drain", "let it finish what it runs and take nothing new", True),
        ("resume", "let it take jobs again", False),
    ):
        part = args.for_part(parts, name, about, _set)
        part.add_argument("agent", metavar="NAME", help="the agent's name or id")
        part.set_defaults(draining=draining)
    return args.act(parser, words)


def _set(found: argparse.Namespace) -> int:
    agent = args.api_of(found).post(at("agents", found.agent, "drain"), {"draining": found.draining})
    if found.json:
        out.dump(agent)
    else:
        running = f", {agent['running']} jobs still run" if found.draining and agent["running"] else ""
        out.line(f"{agent['name']} is {agent['state']}{running}")
    return 0
