"""The parts of `paddock git` that look at everything, and clear what stands still."""

import argparse
import time
from typing import Any

from paddock.cli import args, out
from paddock.cli.git_remote import flags_of_remote, fleet_of, signer_of
from paddock.core.errors import BadInput
from paddock.gitnative import protocols
from paddock.gitnative.dashboard import overview
from paddock.gitnative.fleet import Agent
from paddock.gitnative.refs import check_agent

# Seconds between two looks of `dashboard --watch`.
EVERY = 5.0
_CLEAR = "\x1b[H\x1b[2J"


def flags(name: str, part: args.Parser) -> None:
    """Adds what a part takes."""
    if name == "release-stalled":
        part.add_argument("minutes_", nargs="?", type=float, default=None, metavar="MINUTES", help="as --minutes")
        part.add_argument("on_branch", nargs="?", default="", metavar="BRANCH", help="the coordination branch")
        part.add_argument("--minutes", type=float, default=30.0, metavar="N", help="without a renewal (30)")
        part.add_argument("--agent", default="orchestrator", metavar="NAME", help="who does it (orchestrator)")
        part.add_argument("--watch", action="store_true", help="go on looking, every minute")
    if name == "settle":
        part.add_argument("--at-least", type=args.whole(1), default=1, metavar="N", help="wait for so many of them (1)")
        part.add_argument("--agent", default="orchestrator", metavar="NAME", help="who does it (orchestrator)")
    if name == "merge":
        part.add_argument("branches", nargs="*", metavar="BRANCH", help="which; all that projects have when left out")
        part.add_argument("--agent", default="orchestrator", metavar="NAME", help="who does it (orchestrator)")
    if name == "dashboard":
        part.add_argument("--watch", action="store_true", help="again every five seconds, until Ctrl-C")
    if name == "log":
        part.add_argument("--limit", type=args.whole(1), default=50, metavar="N", help="the latest N (50)")
        part.add_argument("--task", default="", metavar="TASK", help="only those of a task")
    flags_of_remote(part, signs=name in ("release-stalled", "settle", "merge"))


def release_stalled(found: argparse.Namespace) -> int:
    """Ends the claims that this host has seen stand still for long enough."""
    fleet = fleet_of(found)
    agent = Agent(name=check_agent(found.agent), sign=signer_of(found))
    minutes = found.minutes if found.minutes_ is None else found.minutes_
    while True:
        swept = protocols.of(fleet).release_stalled(fleet, agent, minutes)
        if found.json:
            out.dump({"released": swept.released, "parked": swept.parked, "watched": dict(swept.watched)})
        else:
            for key in swept.released:
                out.line(f"released {key}")
            for key in swept.parked:
                out.line(f"parked {key}: it was lost too often and waits for a person")
            if not found.watch:
                longest = max(swept.watched.values(), default=0.0)
                out.note(f"{len(swept.watched)} claims stand; the longest seen without a renewal: {out.span(longest)}")
        if not found.watch:
            return 0
        time.sleep(min(60.0, minutes * 30))


def settle(found: argparse.Namespace) -> int:
    """Moves the files of completed tasks in one commit, and takes away refs that nobody can rely on any more."""
    fleet = fleet_of(found)
    if protocols.of(fleet) is not protocols.REFS:
        raise BadInput("there is nothing to fold: this repository keeps its claims in files")
    from paddock.gitnative.settle import settle as fold

    agent = Agent(name=check_agent(found.agent), sign=signer_of(found))
    moved, swept = fold(fleet, agent, least=found.at_least)
    if found.json:
        out.dump({"settled": moved, "swept": swept})
        return 0
    for key in moved:
        out.line(f"settled {key}")
    out.line(f"{len(moved)} tasks moved to completed/, refs of {swept} taken away")
    return 0


def merge(found: argparse.Namespace) -> int:
    """Merges the coordination branches of projects into the repository's own, each in one commit."""
    fleet = fleet_of(found)
    fleet.look()
    branches = found.branches or sorted(set(fleet.branches.values()))
    if not branches:
        raise BadInput("no project has a branch of its own", hint="name one, or set `branches` in .agents/paddock.toon")
    from paddock.gitnative.joining import merge as join

    done = join(fleet, Agent(name=check_agent(found.agent), sign=signer_of(found)), branches)
    if found.json:
        out.dump({"into": fleet.branch, "merged": done})
        return 0
    for branch, commit in done.items():
        out.line(f"merged {branch} into {fleet.branch}: {commit[:12]}" if commit else f"{branch} has nothing new")
    return 0


def dashboard(found: argparse.Namespace) -> int:
    """Shows everything at a glance."""
    fleet = fleet_of(found)
    while True:
        shown = overview(fleet)
        if found.json:
            out.dump(shown)
        else:
            if found.watch and out.colours():
                out.line(_CLEAR)
            _print(shown)
        if not found.watch:
            return 0
        time.sleep(EVERY)


def _print(shown: dict[str, Any]) -> None:
    titles = ("project", "ready", "held", "stalled", "blocked", "parked", "done", "all", "%")
    names = ("ready", "held", "stalled", "blocked", "parked", "completed", "tasks", "percent")
    rows = [(name, *(row[one] for one in names)) for name, row in shown["projects"].items()]
    out.table(titles, rows, "no tasks yet; `paddock git init` makes a sample, `paddock git add FILE` adds some")
    for row in shown["held"]:
        out.line(out.plain(f"  {row['task']}  {row['agent']}  epoch {row['epoch']}  since {row['claimed_at']}"))
    if shown["problems"]:
        out.line(f"{shown['problems']} task files cannot be used; `paddock git check` names them")
    told = shown["metrics"]
    out.line(
        f"{shown['agents']['idle']} agents idle, {shown['agents']['busy']} busy; on this host {told['claims']} claims, "
        f"{told['conflicts']} conflicts ({told['conflict_rate']:.0%}), p50 {told['claim_ms_p50']:.0f} ms"
    )


def log(found: argparse.Namespace) -> int:
    """Shows the latest events of this host."""
    fleet = fleet_of(found)
    rows = [row for row in fleet.events.read() if not found.task or str(row.get("task", "")).endswith(found.task)]
    rows = rows[-found.limit :]
    if found.json:
        out.dump(rows)
        return 0
    for row in rows:
        rest = " ".join(f"{name}={value}" for name, value in row.items() if name not in ("at", "kind") and value != "")
        out.line(out.plain(f"{out.clock(row.get('at'))}  {row.get('kind'):<11} {rest}"))
    if not rows:
        out.line("nothing has happened here yet")
    return 0
