"""The jobs that the control plane submits for a change."""

from collections.abc import Sequence

from paddock.core import kinds
from paddock.core.job import Job, Scope

# Finishing what is begun comes before starting more.
URGENCY = 10
MERGE_TRIES = 8
# Changes that one merge tests together, whatever a project's rules say.
MOST_TOGETHER = 20


def check_job(
    change: str,
    name: str,
    head: str,
    base: str,
    checks: Sequence[Sequence[str]],
    accept: Sequence[str],
    *,
    degraded: bool = False,
) -> Job:
    """Runs the project's checks on a change's head, beside its base; `degraded` as the change's job was."""
    payload: dict[str, object] = {
        "commit": head,
        "base": base,
        "change": change,
        "checks": [list(argv) for argv in checks],
        "accept": list(accept),
    }
    return _system("test.run", f"check-{name}", payload, tries=2, degraded=degraded)


def merge_job(
    change: str,
    name: str,
    head: str,
    branch: str,
    message: str,
    checks: Sequence[Sequence[str]],
    accept: Sequence[str],
    *,
    degraded: bool = False,
    sent_back: int = 0,
) -> Job:
    """Merges a change, proves the merged result and moves the branch; one that was `sent_back` goes before others."""
    payload: dict[str, object] = {
        "change": change,
        "head": head,
        "branch": branch,
        "message": message,
        "checks": [list(argv) for argv in checks],
        "accept": list(accept),
    }
    # It waited its turn already, or whoever changes much would wait for ever behind those who change little.
    urgency = URGENCY + sent_back
    return _system("change.merge", f"merge-{name}", payload, tries=MERGE_TRIES, degraded=degraded, urgency=urgency)


def _system(
    kind: str, name: str, payload: dict[str, object], *, tries: int, degraded: bool, urgency: int = URGENCY
) -> Job:
    return Job(
        name=name,
        kind=kind,
        payload=payload,
        scope=Scope(degraded=degraded),
        priority=URGENCY,
        urgency=urgency,
        timeout=kinds.get(kind).timeout,
        requires=(),
        max_attempts=tries,
        accept=(),
        depends_on=(),
    )
