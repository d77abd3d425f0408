"""The jobs that the control plane submits to have a change reviewed and its findings mended."""

from collections.abc import Mapping, Sequence
from typing import Any

from paddock.core import coding_agents, kinds
from paddock.core.job import Job, Scope
from paddock.core.reviewing import Resolver, Rules, Worker, plain
from paddock.core.system_jobs import URGENCY

# Open changes that a review holds a change against.
MOST_OTHERS = 200
# What an agent is asked for where the project says nothing else.
MEND = "A review of your worktree found what follows, as JSON. Mend each of these findings, and nothing else."
_LOOKS = ("reviewers", "tools", "forbidden", "most_lines", "most_files", "coverage")


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
        "agents": [tool.agent for tool in rules.tools if tool.agent],
    }
    requires = {*rules.requires, *(("ruff",) if "ruff" in rules.reviewers else ())}
    every = Worker(
        hosts=tuple(sorted({host for tool in rules.tools for host in tool.hosts})),
        secrets=tuple(sorted({name for tool in rules.tools for name in tool.secrets})),
    )
    needs = {*requires, *(word for tool in rules.tools for word in tool.needs)}
    return _job("review.run", f"review-{name}", payload, every.scope(scope), needs, tries=2)


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
        **_start(chosen),
        "change": change,
        "commit": head,
        "base": base,
        "branch": branch,
        "epoch": epoch,
        "findings": [dict(finding) for finding in findings],
    }
    narrow = chosen.scope(scope, files=scope.files)
    return _job("change.fix", f"fix-{name}", payload, narrow, chosen.needs, tries=1, timeout=chosen.timeout)


def _start(worker: Worker) -> dict[str, Any]:
    """How a payload says what is started."""
    if not worker.agent:
        return {"argv": list(worker.argv)}
    return {"agent": worker.agent, "brief": worker.brief or MEND} | ({"model": worker.model} if worker.model else {})


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

    `author` is the payload of that job: its command or its coding agent goes on where the resolver names none.
    """
    own = not (resolver.argv or resolver.agent)
    mine = {key: author[key] for key in ("argv", "agent", "model", "env") if key in author}
    payload: dict[str, Any] = {
        **(mine if own else _start(resolver)),
        "change": change,
        "commit": head,
        "base": base,
        "branch": branch,
        "epoch": epoch,
        "onto": onto,
        "brief": "\n\n".join(filter(None, (resolver.brief, brief))).replace("\0", ""),
    }
    wider = scope if own else resolver.scope(scope, files=scope.files)
    needs = {*resolver.needs, *(word for word in requires if own or not word.startswith(coding_agents.CAPABILITY))}
    return _job("change.resolve", f"resolve-{name}", payload, wider, needs, tries=1, timeout=resolver.timeout)


_VERBS = {"ruff": "check", "semgrep": "scan"}


def commands(rules: Rules) -> list[list[str]]:
    """What a review starts on a host; its owner's policy holds it against the commands that it takes."""
    linters = [
        [name, *(part for part in (_VERBS.get(name),) if part)]
        for name in ("ruff", "bandit", "semgrep")
        if name in rules.reviewers
    ]
    measured = [list(rules.coverage.argv)] if rules.coverage and "coverage" in rules.reviewers else []
    return [*linters, *measured, *(list(tool.argv) for tool in rules.tools if tool.argv)]


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
