"""The jobs that the control plane submits to have a change reviewed and its findings mended."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from paddock.core import kinds
from paddock.core.job import Job, Scope
from paddock.core.reviewing import Resolver, Rules, plain
from paddock.core.system_jobs import URGENCY

# Open changes that a review holds a change against.
MOST_OTHERS = 50
_LOOKS = ("reviewers", "tools", "forbidden", "most_lines", "most_files")


def review_job(
    rules: Rules,
    name: str,
    scope: Scope,
    *,
    change: str,
    head: str,
    base: str,
    authors: Sequence[str],
    others: Sequence[tuple[str, str]],
    substitute: bool,
) -> Job:
    """Reviews a change's head. `others` are names and heads of open changes; `substitute` says that some other agent
    than the `authors` could run it."""
    told = plain(rules)
    payload: dict[str, Any] = {
        "change": change,
        "commit": head,
        "base": base,
        "rules": {part: told[part] for part in _LOOKS},
        "authors": list(authors) if substitute else [],
        "others": [list(other) for other in others[:MOST_OTHERS]],
        "checks": commands(rules),
    }
    requires = {*rules.requires, *(("ruff",) if "ruff" in rules.reviewers else ())}
    return _job("review.run", f"review-{name}", payload, Scope(degraded=scope.degraded), requires, tries=2)


def fix_job(
    rules: Rules,
    fixer: int,
    name: str,
    scope: Scope,
    *,
    change: str,
    head: str,
    base: str,
    branch: str,
    epoch: int,
    findings: Sequence[Mapping[str, Any]],
) -> Job:
    """Has a fixer mend findings on a change's branch, within the files that the change's own job may write."""
    chosen = rules.fixers[fixer]
    payload: dict[str, Any] = {
        "argv": list(chosen.argv),
        "change": change,
        "commit": head,
        "base": base,
        "branch": branch,
        "epoch": epoch,
        "findings": [dict(finding) for finding in findings],
    }
    narrow = Scope(
        files=scope.files,
        hosts=chosen.hosts,
        untrusted=scope.untrusted,
        public=scope.public,
        degraded=scope.degraded,
    )
    return _job("change.fix", f"fix-{name}", payload, narrow, chosen.requires, tries=1, timeout=chosen.timeout)


def resolve_job(
    resolver: Resolver,
    name: str,
    scope: Scope,
    author: Mapping[str, Any],
    requires: Sequence[str],
    *,
    change: str,
    head: str,
    base: str,
    branch: str,
    epoch: int,
    onto: str,
    brief: str,
) -> Job:
    """Has the author's kind of agent go on with a change, within what the change's own job may touch.

    `author` is the payload of that job, whose command is run where the resolver has none of its own.
    """
    payload: dict[str, Any] = {
        "argv": list(resolver.argv or author.get("argv") or ()),
        "env": dict(author.get("env") or {}) if not resolver.argv else {},
        "change": change,
        "commit": head,
        "base": base,
        "branch": branch,
        "epoch": epoch,
        "onto": onto,
        "brief": brief,
    }
    wider = msgspec.structs.replace(scope, hosts=resolver.hosts) if resolver.argv else scope
    needs = {*requires, *resolver.requires}
    return _job("change.resolve", f"resolve-{name}", payload, wider, needs, tries=1, timeout=resolver.timeout)


def commands(rules: Rules) -> list[list[str]]:
    """What a review starts on a host; its owner's policy holds it against the commands that it takes."""
    linters = [
        [name, *(("check",) if name == "ruff" else ())] for name in ("ruff", "bandit") if name in rules.reviewers
    ]
    return [*linters, *(list(tool.argv) for tool in rules.tools)]


def _job(
    kind: str, name: str, payload: dict[str, Any], scope: Scope, requires: Any, *, tries: int, timeout: int = 0
) -> Job:
    return Job(
        name=name,
        kind=kind,
        payload=payload,
        scope=scope,
        priority=URGENCY,
        urgency=URGENCY,
        timeout=timeout or kinds.get(kind).timeout,
        requires=tuple(sorted(requires)),
        max_attempts=tries,
        accept=(),
        depends_on=(),
    )
