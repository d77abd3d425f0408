"""What several control planes on one store must agree on: keys, the care of leases, and runs' output."""

from collections.abc import Mapping, Sequence

from paddock.core.errors import NotFound
from paddock.store.ops import leasing
from paddock.store.ops.work import Work, record
from paddock.store.records import Agent, Pulse
from paddock.store.statements import Tx

# Leases are forgiven when nobody kept them for a third of their length, and the care is noted down four times as often.
FORGIVE_AFTER = 3
NOTE_AFTER = 12


def agree(work: Work, name: str, value: str) -> str:
    """What this store holds under the name; the first value that is offered stays."""
    found = work.tx.value("fact", name=name)
    if found is None:
        work.tx.run("set_fact", name=name, value=value)
        return value
    return str(found)


def pulse(tx: Tx) -> Pulse:
    """One look at whether anything wants doing."""
    row = tx.one("pulse") or {}
    return Pulse(
        seq=row["seq"] or 0,
        expiry=row["expiry"],
        kept=int(row["kept"] or 0),
        schedule=row["schedule"],
        clock=row["clock"],
    )


def keep(work: Work, lease: int) -> tuple[Sequence[str], int]:
    """Ends the leases that ran out, unless nobody could have renewed them: then each gets one full length more.

    The store itself says when leases were last kept, by whichever replica: one that was stopped for an hour beside
    others that served forgives nothing, and after an outage of the database the first to be back forgives for all.

    Returns the jobs whose lease ended, and how many leases were forgiven.
    """
    found = work.tx.value("fact", name="kept")
    unkept = work.now - int(found or 0)
    lost: Sequence[str] = []
    forgiven = 0
    if unkept <= lease // FORGIVE_AFTER:
        lost = leasing.expire(work, work.now)
    elif (work.tx.value("next_expiry") or work.now + lease) < work.now + lease - lease // FORGIVE_AFTER:
        forgiven = leasing.forgive(work, work.now + lease)
        work.journal("leases.forgiven", None, None, leases=forgiven, unkept_ms=unkept)
    if unkept >= lease // NOTE_AFTER:
        work.tx.run("set_fact", name="kept", value=str(work.now))
    return lost, forgiven


def standing_of(tx: Tx, agent: str) -> tuple[Agent, int]:
    """An agent by its id, and how many leases it holds. Raises: NotFound."""
    row = tx.one("standing_of", agent=agent)
    if row is None:
        raise NotFound(f"no agent {agent!r}")
    leases: int = row.pop("leases")
    return record(Agent, row), leases


def log_size(tx: Tx, where: Mapping[str, object]) -> int:
    """Bytes stored of a stream."""
    return tx.value("log_end", **where) or 0


def log_append(work: Work, where: Mapping[str, object], offset: int, data: bytes) -> int:
    """Stores what is new of a chunk; the size after it, smaller than the offset where bytes before it are missing."""
    size = log_size(work.tx, where)
    fresh = data[size - offset :] if offset <= size else b""
    if fresh:
        work.tx.run("add_log", **where, start=size, data=fresh)
    return size + len(fresh)


def log_read(tx: Tx, where: Mapping[str, object], offset: int, most: int) -> bytes:
    """Bytes of a stream from an offset on."""
    parts = tx.all("log_parts", **where, offset=offset, until=offset + most)
    if not parts:
        return b""
    return b"".join(bytes(part["data"]) for part in parts)[max(0, offset - parts[0]["start"]) :][:most]
