"""`paddock policy`: what this host's owner lets jobs do, and what is left of one job's scope here."""

import argparse
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from paddock.cli import args, out
from paddock.cli.api import at
from paddock.core.errors import BadInput
from paddock.core.job import Scope
from paddock.core.policy import Policy
from paddock.core.policy_scope import Asked, Denial, Effective, denials, effective
from paddock.core.scope_hosts import parse_rule
from paddock.core.secrets import Secret
from paddock.settings import Settings

EXAMPLE = "paddock policy check\npaddock policy explain fix-12 --policy /etc/paddock/policy.toml"


def main(verb: str, words: list[str]) -> int:
    """Checks the policy, or explains what it leaves of a job's scope."""
    parser = args.for_verb(verb, EXAMPLE)
    parts = args.parts_of(parser)
    check = args.for_part(parts, "check", "say what the policy of this host is, and whether it holds", _check)
    explain = args.for_part(parts, "explain", "the effective scope of a job on this host, and why", _explain)
    explain.add_argument("job", metavar="JOB", help="a job's id, or its name in its batch")
    for part in (check, explain):
        args.add_settings(part, "policy", "allow_degraded")
    return args.act(parser, words)


def _read(settings: Settings) -> Policy:
    from paddock.agent.policy import load

    return load(args.policy_of(settings), Policy(allow_degraded=settings.allow_degraded))


def _check(found: argparse.Namespace) -> int:
    settings = args.settings_of(found)
    policy = _read(settings)
    there = settings.policy.is_file()
    if found.json:
        out.dump({"file": str(settings.policy), "found": there, "policy": msgspec.to_builtins(policy)})
        return 0
    out.line(f"{settings.policy}: " + ("holds" if there else "not there; the standard policy holds"))
    out.facts(_facts(policy))
    return 0


def _facts(policy: Policy) -> dict[str, object]:
    limits = msgspec.structs.asdict(policy.limits)
    return {
        "repositories": _list(policy.repositories, "none"),
        "kinds": _list(policy.kinds, "none"),
        "files": _files(policy),
        "commands": "any" if policy.commands is None else _rules(policy.commands),
        "hosts": _list(policy.hosts.allow, "none: jobs have no network"),
        "secrets": _secrets(policy.secrets),
        "coding agents": _list(tuple(policy.agents), "none"),
        "read": _list(policy.files.read, "nothing beside the worktree, the system and the tools"),
        "private ranges": _list(policy.hosts.private, "none"),
        "limits": ", ".join(f"{name} {value:,}" for name, value in limits.items() if value),
        "quiet hours": _list(policy.quiet_hours, "none"),
        "uncontained": "jobs that ask for it" if policy.allow_degraded else "never",
    }


def _files(policy: Policy) -> str:
    words = [_list(policy.files.write, "none")]
    if policy.files.deny:
        words.append(f"but never {_list(policy.files.deny, '')}")
    if policy.files.lift:
        words.append(f"even {_list(policy.files.lift, '')}, where a job names it")
    return " ".join(words)


def _list(texts: tuple[str, ...], nothing: str) -> str:
    return ", ".join(texts) or nothing


def _secrets(secrets: Mapping[str, Secret]) -> str:
    """How each secret reaches a run; a line for each."""
    out = []
    for name, secret in secrets.items():
        way = f"the proxy adds it at {secret.host}" if secret.injected else f"in the box, as a {secret.into}"
        out.append(f"{name}: {way}" + ("" if secret.file else ", from the control plane"))
    return "\n".join(out) or "none"


def _rules(rules: tuple[tuple[str, ...], ...]) -> str:
    return "; ".join(" ".join(rule) for rule in rules) or "none"


def _explain(found: argparse.Namespace) -> int:
    """Exit code 4 when the job would be refused here."""
    settings = args.settings_of(found)
    policy = _read(settings)
    job, asked = _asked(found)
    left = effective(asked, policy)
    refused = denials(asked, policy, time.time_ns() // 1_000_000)
    if found.json:
        out.dump(
            {
                "job": job["id"],
                "name": job["name"],
                "effective": msgspec.to_builtins(left),
                "denials": msgspec.to_builtins(refused),
            }
        )
    else:
        _show(job, asked, left, refused)
    return 4 if refused else 0


def _asked(found: argparse.Namespace) -> tuple[dict[str, Any], Asked]:
    api = args.api_of(found)
    job = api.get(at("jobs", found.job))
    repos = {project["name"]: str(project["repo"]) for project in api.get("/v1/projects")}
    try:
        own = msgspec.convert(job["scope"], Scope)
    except msgspec.ValidationError as error:
        raise BadInput(f"the scope of {job['name']} cannot be read: {error}") from None
    asked = Asked(
        kind=job["kind"],
        repo=repos.get(job["project"], ""),
        scope=own,
        payload=job["payload"],
        wall_seconds=job["timeout"],
    )
    return job, asked


def _show(job: dict[str, Any], asked: Asked, left: Effective, refused: list[Denial]) -> None:
    verdict = "would be refused here" if refused else "may run here"
    out.line(f"{out.plain(job['name'])} ({out.plain(job['id'])}) {verdict}")
    for denial in refused:
        out.line(f"  {denial.rule}: {out.plain(denial.detail)}")
    own = asked.scope
    out.facts(
        {
            "writes": out.plain(_both(own.files.write, left.bound, ("**",))),
            "never writes": out.plain(", ".join(left.deny)),
            "starts": out.plain(_commands(left)),
            "reaches": out.plain(_list(tuple(map(_marked, left.hosts)), "no host")),
            "secrets": _secrets(left.secrets),
            "left out": out.plain(", ".join(left.narrowed)),
            "runs for": f"{left.limits.wall_seconds:,} s at most ({asked.wall_seconds:,} asked)",
            "memory": f"{left.limits.memory_mib:,} MiB" if left.limits.memory_mib else "three quarters of the host's",
            "uncontained": "if need be" if left.degraded else _why_contained(own),
        }
    )


def _both(mine: tuple[str, ...], bound: tuple[str, ...], free: tuple[str, ...]) -> str:
    own = _list(mine, "nothing")
    return own if bound == free else f"{own}  and only inside  {_list(bound, 'nothing')}  (policy)"


def _commands(left: Effective) -> str:
    own = "anything" if left.commands is None else _rules(left.commands)
    return own if left.bound_commands is None else f"{own}  and only what fits  {_rules(left.bound_commands)}  (policy)"


def _marked(text: str) -> str:
    """A host's rule, with a word of warning where anybody may bring anything."""
    return f"{text} (open to all: data may leave there)" if parse_rule(text).open_to_all else text


def _why_contained(own: Scope) -> str:
    return "never: the policy does not allow it" if own.degraded else "never: the job does not ask for it"
