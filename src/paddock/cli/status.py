"""`paddock status`: what this machine's agents do right now, each loop in its own words."""

import json
import time
from pathlib import Path
from typing import Any

from paddock.cli import args, out
from paddock.core.errors import BadInput, why

EXAMPLE = "paddock status\npaddock status --state ~/.local/state/paddock/agents/agent-1"
FILE = "status.json"
Branch = tuple[str, list[Any]]


def main(verb: str, words: list[str]) -> int:
    """Exit code 1 when an agent has stopped or its beats have."""
    parser = args.for_verb(verb, EXAMPLE)
    args.add_settings(parser, "state")
    found = args.read(parser, words)
    settings = args.settings_of(found)
    if "state" in args.given(found):
        places = [settings.state]
    else:
        places = sorted(path.parent for path in settings.home.glob(f"agents/*/{FILE}"))
    trees = [_read(place) for place in places]
    if found.json:
        out.dump(trees)
    elif not trees:
        out.line(f"no agent has run with {settings.home}: paddock up, or paddock run")
    else:
        for tree in trees:
            label, branches = as_tree(tree)
            out.tree(label, branches)
    return 0 if trees and all(alive(tree) for tree in trees) else 1


def _read(place: Path) -> dict[str, Any]:
    try:
        found = json.loads((place / FILE).read_bytes())
    except FileNotFoundError:
        raise BadInput(f"no agent has run with {place}", hint="give its state directory with --state") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{place / FILE} cannot be read: {why(error)}") from None
    if not isinstance(found, dict):
        raise BadInput(f"{place / FILE} is no status of an agent")
    return found


def alive(tree: dict[str, Any]) -> bool:
    """Whether the process behind a status still runs."""
    pid = tree.get("pid")
    return Path(f"/proc/{pid}").exists() if isinstance(pid, int) and Path("/proc/self").exists() else True


def as_tree(tree: dict[str, Any]) -> tuple[str, list[Branch]]:
    """An agent's status as a label and its branches."""
    running = "" if alive(tree) else out.paint("  (not running any more)", "red")
    label = f"{out.paint(out.plain(tree.get('name') or 'agent'), 'bold')}  {out.plain(tree.get('agent'))}{running}"
    last, due = out.age(tree.get("last_beat")), out.age(tree.get("next_beat"))
    branches: list[Branch] = [
        (f"control plane  {out.plain(tree.get('server'))}", []),
        (f"session        {out.plain(tree.get('session'))}", []),
        (
            f"beat           {f'{last} ago' if last else 'none yet'}{f', next {due}' if due.startswith('in') else ''}",
            [],
        ),
        (f"containment    {_containment(tree.get('containment'))}", []),
    ]
    branches += [(line, []) for line in _trust(tree)]
    if checks := tree.get("health"):
        branches.append(("health", [(_check(check), []) for check in checks]))
    loops = tree.get("loops") or {}
    branches.append(("loops", [(_loop(name, loop), []) for name, loop in loops.items()]))
    jobs = tree.get("jobs") or []
    branches.append((f"jobs           {len(jobs) or 'none'}", [(_job(job), []) for job in jobs]))
    return label, branches


def _containment(value: Any) -> str:
    if isinstance(value, dict):
        return out.plain(" ".join(str(part) for part in value.values() if part not in (None, "")))
    return out.plain(value)


def _trust(tree: dict[str, Any]) -> list[str]:
    """The version, where the agent stands, the host it shows, and what it knows of the journal."""
    update = tree.get("update")
    hint = f"  ({out.plain(update)} is there: upgrade it when it suits you)" if update else ""
    lines = [f"version        {out.plain(tree.get('version'))}{hint}", *_licence(tree)]
    standing = tree.get("standing")
    if standing and standing != "active":
        reason = out.plain(tree.get("standing_reason"))
        lines.append(f"standing       {out.paint(out.plain(standing), 'red')}  {reason}")
    elif standing:
        lines.append(f"standing       {out.plain(standing)}")
    if isinstance(parts := tree.get("fingerprint"), dict):
        lines.append(f"host           known by its {out.plain(', '.join(sorted(parts)) or 'nothing')}")
    if isinstance(witness := tree.get("witness"), dict):
        complaint = out.plain(witness.get("complaint"))
        said = out.paint(complaint, "red") if complaint else f"witness of seal {out.plain(witness.get('seal'))}"
        lines.append(f"journal        {said}")
    return lines


def _licence(tree: dict[str, Any]) -> list[str]:
    """What the licence claims, and what keeps the agent from work under it."""
    found = tree.get("licence")
    if not isinstance(found, dict):
        waits = out.plain(tree.get("waits"))
        return [f"licence        {out.paint(waits, 'yellow') if waits else 'none: unlimited'}"]
    agents, tasks = found.get("max_agents"), found.get("max_tasks")
    kinds = ["every kind" if name == "*" else str(name) for name in found.get("features") or ("nothing",)]
    features = out.plain(", ".join(kinds))
    name, plan = out.plain(found.get("licence")), out.plain(found.get("plan"))
    lines = [
        f"licence        {name}{f' ({plan})' if plan else ''}: {features}, channel {out.plain(found.get('channel'))}, "
        f"binding {out.plain(found.get('binding'))}, ends {out.age(found.get('expires'))}",
        f"caps           agents: {agents or 'any number'}, jobs at a time: {tasks or 'any number'}",
    ]
    if until := found.get("grace_until"):
        ended = until < time.time() * 1_000
        words = out.paint("GRACE_EXHAUSTED: no new work", "red") if ended else f"ends {out.age(until)}"
        lines.append(f"grace          {words}")
    if tree.get("waits"):
        lines.append(f"waits          {out.paint(out.plain(tree['waits']), 'yellow')}")
    return lines


def _check(check: dict[str, Any]) -> str:
    word = "well" if check.get("ok") else f"not well: {check.get('detail')}"
    since = out.age(check.get("at"))
    text = f"{check.get('name')}{' (advisory)' if check.get('advisory') else ''}: {word}"
    return out.plain(text) + (f"  (for {since})" if since else "")


def _loop(name: str, loop: Any) -> str:
    if not isinstance(loop, dict):
        return out.plain(f"{name:<12} {loop}")
    since = out.age(loop.get("since"))
    return out.plain(f"{name}: {loop.get('state', '')}") + (f"  (for {since})" if since else "")


def _job(job: dict[str, Any]) -> str:
    text = out.plain(f"{job.get('job')} attempt {job.get('epoch')}, {job.get('kind')}: {job.get('state')}")
    since = out.age(job.get("since"))
    return text + (f"  (for {since})" if since else "")
