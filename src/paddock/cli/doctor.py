"""`paddock doctor`: what this host can contain, and the command that raises it."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from paddock import __version__
from paddock.cli import args, out
from paddock.core.errors import PaddockError


def main(verb: str, words: list[str]) -> int:
    """Exit code 1 when this host cannot contain jobs or misses a program."""
    parser = args.for_verb(verb, "paddock doctor")
    args.add_settings(parser, "work", "policy")
    found = args.read(parser, words)
    settings = args.settings_of(found)
    from paddock.sandbox import cgroup, job_user, probe
    from paddock.workspace.layout import workspace_root

    # Where agents would work: for root that may lie elsewhere than where the setting points.
    held = probe(workspace_root(settings.work) if settings.work.is_dir() else None)
    git = _version("git")
    answers, signs = _control_plane(found)
    facts = {
        "paddock": __version__,
        "python": sys.version.split()[0],
        "git": git,
        "bubblewrap": _version("bwrap"),
        "containment": held.cls,
        "overlay": held.overlay,
        "reason": held.reason,
        "hint": held.hint,
        "runs_as": job_user().uid,
        "bounds": cgroup.available(),
        **_policy(settings.policy),
        "control_plane": answers,
        "signer": signs,
    }
    if found.json:
        out.dump(facts)
    else:
        _show(facts)
    return 0 if held.cls == "contained" and git and not facts["policy_problem"] else 1


def _policy(path: Path) -> dict[str, object]:
    """Whether this host has a policy, and what is wrong with it."""
    from paddock.agent.policy import load
    from paddock.core.policy import Policy

    problem = hint = ""
    try:
        load(path, Policy())
    except PaddockError as error:
        problem, hint = error.message, error.hint
    return {
        "policy": str(path) if path.exists() else "",
        "policy_problem": problem,
        "policy_hint": hint,
    }


def _show(facts: dict[str, object]) -> None:
    words = {
        "contained": "contained: a job sees its worktree and nothing else",
        "none": "none: jobs are refused here unless the policy lets them run uncontained",
    }
    missing = "missing"
    out.facts(
        {
            "paddock": facts["paddock"],
            "python": facts["python"],
            "git": facts["git"] or missing,
            "bubblewrap": facts["bubblewrap"] or missing,
            "containment": words[str(facts["containment"])],
            "worktrees": "overlays, made in milliseconds" if facts["overlay"] else "copies, from a pool",
            "because": facts["reason"],
            "jobs run as": f"uid {facts['runs_as']}, behind a filter of system calls",
            "bounds": f"{facts['bounds']} of all processes of a run together"
            if facts["bounds"]
            else "each process by itself: no control groups for us here",
            "policy": facts["policy_problem"] or facts["policy"] or "none: the standard one holds",
            "control plane": facts["control_plane"],
            **({"signer": facts["signer"]} if facts["signer"] else {}),
        }
    )
    if facts["hint"]:
        out.line(f"\nto raise it:\n  {out.plain(facts['hint'])}")
    elif facts["policy_hint"]:
        out.line(f"\nto mend it:\n  {out.plain(facts['policy_hint'])}")
    elif not facts["bubblewrap"]:
        out.line("\nto raise it:\n  apt-get install bubblewrap")


def _version(program: str) -> str:
    """The version a program says it has; empty when it is not there."""
    path = shutil.which(program)
    if not path:
        return ""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10)
    return done.stdout.strip().split(" ")[-1]


def _control_plane(found: argparse.Namespace) -> tuple[str, str]:
    """What answers and who signs there, in words; that nothing does is no illness of this host."""
    api = args.api_of(found)
    try:
        health = api.get("/v1/health")
    except PaddockError as error:
        return error.message, ""
    return f"{api.server}, version {health.get('version')}", _signer(health.get("signer") or {})


def _signer(signer: dict[str, object]) -> str:
    if signer.get("trouble"):
        return f"{out.plain(signer['trouble'])}: jobs wait"
    if signer.get("apart"):
        return f"a process of its own user, uid {signer.get('uid')}"
    return "a process that the control plane's user can get at: see how-to/keys.md, Set the signer apart"
