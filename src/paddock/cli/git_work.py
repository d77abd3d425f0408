"""The parts of `paddock git` that claim, keep and end tasks."""

import argparse
import os

import msgspec

from paddock.cli import args, out
from paddock.cli.git_remote import flags_of_remote, fleet_of, key_of, say, signer_of
from paddock.core.errors import BadInput
from paddock.gitnative import presence, protocols
from paddock.gitnative.claiming import TRIES, Claimed
from paddock.gitnative.fleet import Agent, Fleet
from paddock.gitnative.refs import check_agent
from paddock.gitnative.selection import Filter

NOTHING, LOST = 1, 2


def flags(name: str, part: args.Parser) -> None:
    """Adds what a part takes; the words after the agent are those that older scripts take."""
    if name == "claim":
        part.add_argument("agent", metavar="AGENT", help="the agent's name")
        part.add_argument("in_project", nargs="?", default="", metavar="PROJECT", help="only tasks of it")
        part.add_argument("on_branch", nargs="?", default="", metavar="BRANCH", help="the coordination branch")
        part.add_argument("--min-priority", type=int, default=0, metavar="N", help="only tasks at least so urgent")
        part.add_argument("--role", default="", metavar="R", help="also tasks that are for this role alone")
        part.add_argument("--tries", type=args.whole(1), default=TRIES, metavar="N", help=f"pushes at most ({TRIES})")
        part.add_argument("--announce", action="store_true", help="show that the agent is there; claims collide less")
        part.add_argument(
            "--hold", action="store_true", help="run CMD, renew while it runs, complete when it ends well"
        )
        part.add_argument(
            "--beat", type=args.span, default=600.0, metavar="SPAN", help="with --hold: between beats (10m)"
        )
    else:
        part.add_argument("task", metavar="TASK", help="TASK-001, or project/TASK-001")
        part.add_argument("agent", metavar="AGENT", help="the agent that holds it")
        if name == "complete":
            part.add_argument("pr_url", nargs="?", default="", metavar="PR", help="the pull request's address")
            part.add_argument("--pr", default="", metavar="URL", help="the same")
        if name == "release":
            part.add_argument("--reason", default="", metavar="TEXT", help="why it is given back")
        part.add_argument("in_project", nargs="?", default="", metavar="PROJECT", help="the task's project")
        part.add_argument("on_branch", nargs="?", default="", metavar="BRANCH", help="the coordination branch")
        part.add_argument("--token", default="", metavar="T", help="the token that `claim --json` printed")
    part.add_argument("--project", default="", metavar="P", help="the same as PROJECT")
    flags_of_remote(part, signs=True)


def claim(found: argparse.Namespace) -> int:
    """Claims a task; 0 claimed, 1 nothing ready, 2 others were faster at every try."""
    if found.hold and not found.command:
        raise BadInput("--hold needs a command", hint="paddock git claim AGENT --hold -- CMD")
    if found.command and not found.hold:
        raise BadInput(f"{found.command[0]!r} is one word too many", hint="a command stands after --hold --")
    fleet, agent = fleet_of(found), _agent(found)
    if found.announce:
        presence.announce(fleet, agent)
    want = Filter(project=found.project or found.in_project, role=found.role, min_priority=found.min_priority)
    got = protocols.claim(fleet, agent, want, found.tries)
    if not isinstance(got, Claimed):
        if found.json:
            out.dump({"claimed": False, "lost": got.lost, "tries": got.tries})
        else:
            out.note("others were faster at every try" if got.lost else _nothing(fleet, want.project))
        return LOST if got.lost else NOTHING
    if not found.json:
        out.line(got.record.key)
    else:
        out.dump({"claimed": True, **_told(got)})
    if not found.hold:
        return 0
    from paddock.gitnative.hold import hold

    env = {"AGENT_TASK": got.record.key, "AGENT_TOKEN": got.token, "AGENT_NAME": agent.name}
    return hold(
        fleet.of_project(got.record.project),
        agent,
        got.record.key,
        found.command,
        {**os.environ, **env},
        found.beat,
        say,
    )


def _nothing(fleet: Fleet, project: str) -> str:
    """That nothing is ready; where a project was named that nobody has heard of here, that one, too."""
    if project:
        known = sorted({key.partition("/")[0] for one in fleet.all() for key in one.look()[1].folders})
        if project not in known:
            return f"nothing is ready: {project!r} has no task here; those that have: {', '.join(known) or 'none'}"
    return "nothing is ready"


def _told(got: Claimed) -> dict[str, object]:
    return {
        "key": got.record.key,
        "token": got.token,
        "tries": got.tries,
        "ms": round(got.ms, 1),
        **msgspec.to_builtins(got.record),
    }


def _agent(found: argparse.Namespace) -> Agent:
    return Agent(name=check_agent(found.agent), sign=signer_of(found))


def beat(found: argparse.Namespace) -> int:
    """Renews a claim."""
    fleet, agent = fleet_of(found), _agent(found)
    key = key_of(fleet, found)
    fleet = fleet.of_project(key.partition("/")[0])
    return _done(found, key, "renewed", protocols.of(fleet).beat(fleet, agent, key, found.token))


def complete(found: argparse.Namespace) -> int:
    """Completes a task."""
    fleet, agent = fleet_of(found), _agent(found)
    key = key_of(fleet, found)
    fleet = fleet.of_project(key.partition("/")[0])
    pr = found.pr or found.pr_url
    return _done(found, key, "completed", protocols.of(fleet).complete(fleet, agent, key, found.token, pr_url=pr))


def release(found: argparse.Namespace) -> int:
    """Gives a task back."""
    fleet, agent = fleet_of(found), _agent(found)
    key = key_of(fleet, found)
    fleet = fleet.of_project(key.partition("/")[0])
    return _done(found, key, "released", protocols.of(fleet).release(fleet, agent, key, found.token, found.reason))


def _done(found: argparse.Namespace, key: str, what: str, token: str) -> int:
    if found.json:
        out.dump({"key": key, "state": what, "token": token})
    else:
        out.line(f"{what} {key}")
    return 0
