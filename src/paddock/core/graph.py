"""The graph of dependencies between the jobs of a batch."""

from collections.abc import Iterable, Mapping, Sequence

from paddock.core.errors import BadInput


def check(needs: Mapping[str, Sequence[str]], known: Iterable[str] = ()) -> list[str]:
    """Checks `needs` (job → the jobs it waits for) and returns the jobs in an order that can run.

    `known` are jobs outside the batch that may be waited for.
    Raises: BadInput naming the unknown id, the job that waits for itself, or the cycle.
    """
    outside = set(known)
    for job, wanted in needs.items():
        for other in wanted:
            if other == job:
                raise BadInput(f"job {job!r} depends on itself", hint="take its own id out of depends_on")
            if other not in needs and other not in outside:
                raise BadInput(f"job {job!r} depends on unknown id {other!r}", hint="depends_on names ids of the batch")
    order: list[str] = []
    seen: dict[str, int] = {}  # 1 = on the path, 2 = done
    for start in needs:
        _visit(start, needs, seen, order)
    return order


def _visit(start: str, needs: Mapping[str, Sequence[str]], seen: dict[str, int], order: list[str]) -> None:
    """Depth first without recursion, so that a long chain is no stack overflow."""
    path: list[tuple[str, int]] = [(start, 0)] if start not in seen else []
    while path:
        job, at = path.pop()
        seen[job] = 1
        inside = [other for other in needs[job] if other in needs]
        if at < len(inside):
            path.append((job, at + 1))
            nxt = inside[at]
            if seen.get(nxt) == 1:
                names = [name for name, _ in path]
                cycle = [*names[names.index(nxt) :], nxt]
                raise BadInput(f"dependencies form a cycle: {' -> '.join(cycle)}", hint="take one of them out")
            if nxt not in seen:
                path.append((nxt, 0))
        else:
            seen[job] = 2
            order.append(job)


def urgency(priority: Mapping[str, int], needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Effective priorities: a job is at least as urgent as what waits on it."""
    out = dict(priority)
    if not any(needs.values()):  # as in most batches: nothing waits
        return out
    for job in reversed(check(needs, set(priority))):
        for other in needs[job]:
            if other in out:
                out[other] = max(out[other], out[job])
    return out
