"""The jobs that the control plane submits for a change."""

from collections.abc import Sequence

from paddock.core import kinds
from paddock.core.job import Job, Scope

# Finishing what is begun comes before starting more.
URGENCY = 10
MERGE_TRIES = 8


def check_job(
    change: str, name: str, head: str, base: str, checks: Sequence[Sequence[str]], accept: Sequence[str]
) -> Job:
    """Runs the project's checks on a change's head, beside its base."""
    payload: dict[str, object] = {
        "commit": head,
        "base": base,
        "change": change,
        "checks": [list(argv) for argv in checks],
        "accept": list(accept),
    }
    return _system("test.run", f"check-{name}", payload, tries=2)


def merge_job(
    change: str, name: str, head: str, branch: str, message: str, checks: Sequence[Sequence[str]], accept: Sequence[str]
) -> Job:
    """Merges a change, proves the merged result and moves the branch."""
    payload: dict[str, object] = {
        "change": change,
        "head": head,
        "branch": branch,
        "message": message,
        "checks": [list(argv) for argv in checks],
        "accept": list(accept),
    }
    return _system("change.merge", f"merge-{name}", payload, tries=MERGE_TRIES)


def _system(kind: str, name: str, payload: dict[str, object], *, tries: int) -> Job:
    return Job(
        name=name,
        kind=kind,
        payload=payload,
        scope=Scope(),
        priority=URGENCY,
        urgency=URGENCY,
        timeout=kinds.get(kind).timeout,
        requires=(),
        max_attempts=tries,
        accept=(),
        depends_on=(),
    )
