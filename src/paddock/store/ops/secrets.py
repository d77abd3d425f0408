"""Secrets that jobs of a project may name."""

from paddock.core.errors import NotFound
from paddock.store.ops.work import Work
from paddock.store.secrets import Kept
from paddock.store.statements import Tx


def put(work: Work, project: str, name: str, sealed: str, by: str) -> None:
    """Sets a secret in place of the one of its name. Raises: NotFound for a project that is none."""
    if work.tx.one("project", name=project) is None:
        raise NotFound(f"no project {project!r}", hint="`paddock project list` lists them")
    work.tx.run("set_secret", project=project, name=name, sealed=sealed, by=by, now=work.now)
    work.journal("secret.set", project=project, secret=name, by=by)


def drop(work: Work, project: str, name: str, by: str) -> None:
    """Raises: NotFound."""
    if not work.tx.run("drop_secret", project=project, name=name):
        raise NotFound(f"{project} has no secret {name!r}", hint="`paddock secret list` lists them")
    work.journal("secret.removed", project=project, secret=name, by=by)


def all_of(tx: Tx) -> list[Kept]:
    """Every secret, by project and name."""
    return [Kept(*row) for row in tx.tuples("secrets")]
