"""Effective scope: what a job may touch on one host, which is its scope cut down by the host's policy.

effective = scope ∩ policy. A path, an argv, a host stands inside it only when both take it; limits are the lower ones.
Nothing here can make a scope wider.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from paddock.core import scope
from paddock.core.coding_agents import Setup
from paddock.core.job import Scope
from paddock.core.policy import Bounds, Policy, quiet
from paddock.core.scope_hosts import HostRule, find_rule, parse_rule
from paddock.core.scope_sets import covers, overlap
from paddock.core.secrets import Secret

# Hosts that give and take nothing for third parties: registries of packages and makers of models.
_CLOSED_HOSTS_WORDS = (
    "pypi.org files.pythonhosted.org registry.npmjs.org registry.yarnpkg.com crates.io static.crates.io "
    "index.crates.io proxy.golang.org sum.golang.org rubygems.org repo.maven.apache.org deb.debian.org "
    "security.debian.org api.anthropic.com api.openai.com generativelanguage.googleapis.com"
)
CLOSED_HOSTS = frozenset(_CLOSED_HOSTS_WORDS.split())


# The kind of job that a coding agent works on.
CODING = "code.agent"


class Denial(msgspec.Struct, frozen=True):
    """Why a host does not run a job: the policy's rule, in words; `passing` when it is the hour and not the job."""

    rule: str
    detail: str
    passing: bool = False


class Effective(msgspec.Struct, frozen=True, kw_only=True):
    """What a job may touch on this host. `write` and `bound` must both take a path, `hosts` are rules of the job's."""

    write: tuple[str, ...]
    bound: tuple[str, ...]
    deny: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...] | None
    bound_commands: tuple[tuple[str, ...], ...] | None
    hosts: tuple[str, ...]
    private: tuple[str, ...]
    # Secrets by name, and places that it may read beside its worktree.
    secrets: Mapping[str, Secret]
    read: tuple[str, ...]
    # Hosts and secrets that were taken from it, since with them it could be talked into carrying data out.
    narrowed: tuple[str, ...]
    # Coding agents of this host, by name.
    agents: Mapping[str, Setup]
    # Whether it may run here without a box where the host cannot contain.
    degraded: bool
    limits: Bounds

    def outside(self, paths: Iterable[str]) -> list[str]:
        """The paths that may not be written."""
        return [path for path in paths if not self.writable(path)]

    def writable(self, path: str) -> bool:
        """Whether a path may be written."""
        if scope.denied(path, self.deny):
            return False
        return scope.allowed(path, self.write) and scope.allowed(path, self.bound)

    def starts(self, argv: Sequence[str]) -> bool:
        """Whether an argv may be started."""
        rules = (self.commands, self.bound_commands)
        return all(each is None or scope.command_allowed(argv, each) for each in rules)

    def reaches(self, host: str, port: int) -> HostRule | None:
        """The rule by which a host, named as `scope_hosts.host_name` does, may be reached."""
        return find_rule(map(parse_rule, self.hosts), host, port)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What of a job a policy looks at."""

    kind: str
    repo: str
    scope: Scope
    payload: Mapping[str, Any]
    wall_seconds: int


def effective(asked: Asked, policy: Policy) -> Effective:
    """The scope cut down by the policy, also when too little is left to run with: `denials` says that."""
    own, files = asked.scope, policy.files
    lifted = {pattern for pattern in files.lift if any(covers(pattern, mine) for mine in own.files.write)}
    standing = tuple(pattern for pattern in scope.ALWAYS_DENIED if pattern not in lifted)
    bounds = [parse_rule(text) for text in policy.hosts.allow]
    narrowed = _narrowed(asked, policy)
    return Effective(
        write=own.files.write,
        bound=files.write,
        deny=(*standing, *files.deny, *own.files.deny),
        commands=own.commands,
        bound_commands=policy.commands,
        hosts=tuple(text for text in own.hosts if text not in narrowed and _inside(parse_rule(text), bounds)),
        private=policy.hosts.private,
        secrets={
            name: policy.secrets[name]
            for name in own.secrets
            if name not in narrowed and not _withheld(name, asked, policy)
        },
        narrowed=narrowed,
        read=policy.files.read,
        agents=policy.agents,
        # Outside a box a secret would lie open to whoever runs as the same user, and an agent asks nobody.
        degraded=policy.allow_degraded and own.degraded and not own.secrets and not _agents_of(asked),
        limits=msgspec.structs.replace(
            policy.limits, wall_seconds=min(policy.limits.wall_seconds, max(1, asked.wall_seconds))
        ),
    )


def denials(asked: Asked, policy: Policy, now_ms: int) -> list[Denial]:
    """Every rule of the policy that keeps the job from running here; none when it may."""
    out: list[Denial] = []
    span = quiet(policy, now_ms)
    if span:
        out.append(Denial("quiet_hours", f"no job starts here during {span} UTC", passing=True))
    if asked.kind not in policy.kinds:
        out.append(Denial("kinds", f"{asked.kind} jobs do not run here"))
    if asked.repo and not any(_fits(asked.repo, pattern) for pattern in policy.repositories):
        out.append(Denial("repositories", f"{asked.repo} is not worked on here"))
    own, argv = asked.scope, asked.payload.get("argv")
    argvs = [*([argv] if argv is not None else []), *(asked.payload.get("checks") or ())]
    if own.files.write and not any(overlap(mine, theirs) for mine in own.files.write for theirs in policy.files.write):
        out.append(Denial("files.write", f"nothing of {', '.join(own.files.write)[:300]} may be written here"))
    out += [
        Denial("commands", f"{' '.join(map(str, given))[:300]} is not started here")
        for given in argvs
        if policy.commands is not None and not scope.command_allowed(given, policy.commands)
    ]
    bounds = [parse_rule(text) for text in policy.hosts.allow]
    out += [
        Denial("hosts.allow", f"{text} is not reached from here")
        for text in own.hosts
        if not _inside(parse_rule(text), bounds)
    ]
    out += [Denial("secrets", f"{name} {why}") for name in own.secrets if (why := _withheld(name, asked, policy))]
    out += _agent_denials(asked, policy)
    if trifecta(own, policy.secrets) and not (policy.allow_trifecta or policy.narrow_trifecta):
        out.append(Denial("allow_trifecta", "it has private data, untrusted input and open egress at once"))
    return out


def trifecta(given: Scope, secrets: Mapping[str, Secret] | None = None) -> bool:
    """Whether a job has all that it takes to be talked into carrying data out.

    Private data: everything that is not said to be public, and every secret that is laid into its box. Untrusted input:
    what the job is said to read. Open egress: a host that is neither a package registry nor a model's, or one where
    anybody may bring anything; hosts that it reaches with a secret count as well.
    """
    if not given.untrusted:
        return False
    named = [secret for name, secret in (secrets or {}).items() if name in given.secrets]
    hosts = [*given.hosts, *(secret.host for secret in named if secret.injected)]
    private = not given.public or any(not secret.injected for secret in named)
    return private and any(_open(parse_rule(text)) for text in hosts)


def _narrowed(asked: Asked, policy: Policy) -> tuple[str, ...]:
    """The rules for hosts and the secrets that such a job does without, where the policy would rather narrow it."""
    own = asked.scope
    if policy.allow_trifecta or not policy.narrow_trifecta or not trifecta(own, policy.secrets):
        return ()
    injected = {name: policy.secrets[name].host for name in own.secrets if name in policy.secrets}
    opens = [name for name, host in injected.items() if host and _open(parse_rule(host))]
    return (*(text for text in own.hosts if _open(parse_rule(text))), *opens)


def _agent_denials(asked: Asked, policy: Policy) -> list[Denial]:
    """What keeps a coding agent from working on the job here."""
    out = []
    for name in _agents_of(asked):
        needed = policy.agents[name].secret if name in policy.agents else ""
        if name not in policy.agents:
            out.append(Denial("agents", f"{name[:80]} does not work here"))
        elif needed and needed not in asked.scope.secrets:
            out.append(Denial("agents", f"{name} needs the secret {needed}, which the job's scope does not name"))
    return out


def _agents_of(asked: Asked) -> list[str]:
    """The coding agents that a job starts, by name."""
    one, many = asked.payload.get("agent"), asked.payload.get("agents")
    return [name for name in (one, *(many if isinstance(many, list) else ())) if isinstance(name, str)]


def _withheld(name: str, asked: Asked, policy: Policy) -> str:
    """Why a job does not get a secret here, or nothing."""
    if name not in policy.secrets:
        return "is no secret that jobs are given here"
    if not any(_fits(asked.repo, pattern) for pattern in policy.secrets[name].repositories):
        return f"is not given to jobs of {asked.repo}"
    return ""


def _open(rule: HostRule) -> bool:
    return rule.open_to_all or rule.above != 0 or rule.name not in CLOSED_HOSTS


def _fits(text: str, pattern: str) -> bool:
    """Whether a text is the pattern, with any text for each `*`."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def _inside(rule: HostRule, bounds: Iterable[HostRule]) -> bool:
    return any(bound.covers(rule) for bound in bounds)
