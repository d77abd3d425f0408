"""Licences, and who has a seat under one."""

import msgspec

from paddock.core.errors import Conflict, NotFound
from paddock.core.licences import Licence
from paddock.store.ops.work import Work, to_json
from paddock.store.statements import Tx


def put(work: Work, licence: Licence, by: str) -> None:
    """Sets a licence in place of the one of its name."""
    work.tx.run("set_licence", name=licence.name, terms=to_json(licence), now=work.now)
    work.tx.run("free_seats_of", licence=licence.name)  # there may be fewer now
    work.journal(
        "licence.set",
        licence=licence.name,
        plan=licence.plan,
        max_agents=licence.max_agents,
        max_tasks=licence.max_tasks,
        features=list(licence.features),
        expires=licence.expires,
        by=by,
    )


def drop(work: Work, name: str, by: str) -> None:
    """Raises: NotFound, Conflict while agents are under it."""
    under = work.tx.value("agents_under", name=name)
    if under:
        raise Conflict(f"{under} agents are under licence {name}", hint="terminate them, or set the licence anew")
    if not work.tx.run("drop_licence", name=name):
        raise NotFound(f"no licence {name!r}", hint="`paddock licence list` lists them")
    work.tx.run("free_seats_of", licence=name)
    work.journal("licence.removed", licence=name, by=by)


def all_of(tx: Tx) -> list[Licence]:
    """Every licence by its name."""
    return [msgspec.json.decode(row["terms"], type=Licence) for row in tx.all("licences")]


def take(work: Work, agent: str, licence: Licence, until: int) -> bool:
    """A seat for this agent, if fewer others have one than there are."""
    work.tx.run("lapse_seats", licence=licence.name, now=work.now, agent=agent)
    taken = work.tx.value("seats_taken", licence=licence.name, agent=agent)
    if taken >= licence.max_agents:
        return False
    work.tx.run("take_seat", agent=agent, licence=licence.name, until=until)
    return True
