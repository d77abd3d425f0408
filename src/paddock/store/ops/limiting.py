"""What keeps jobs from starting although agents are free: pauses, limits and shares."""

from paddock.core.limits import NEVER
from paddock.store.ops.reading import find_project
from paddock.store.ops.work import Work
from paddock.store.records import Project


def pause(work: Work, name: str, by: str, note: str, until: int) -> Project:
    """Keeps a project's jobs from starting until then (epoch milliseconds); what runs goes on.

    Raises: NotFound.
    """
    if work.tx.run("pause_project", name=name, by=by, note=note, at=work.now, until=until):
        work.journal("project.paused", project=name, by=by, note=note, until=None if until == NEVER else until)
    return find_project(work.tx, name)


def resume(work: Work, name: str, by: str) -> Project:
    """Lets a project's jobs start again. Raises: NotFound."""
    project = find_project(work.tx, name)
    if project.paused_until > work.now:
        work.tx.run("pause_project", name=name, by="", note="", at=0, until=0)
        work.journal("project.resumed", project=name, by=by)
    work.readied = True
    return find_project(work.tx, name)


def weigh(work: Work, name: str, weight: int) -> Project:
    """Sets a project's share of live leases against other projects. Raises: NotFound."""
    if work.tx.run("weigh_project", name=name, weight=weight):
        work.journal("project.weighed", project=name, weight=weight)
    return find_project(work.tx, name)
