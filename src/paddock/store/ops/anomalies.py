"""What was found about agents, and where they stand because of it."""

from collections.abc import Mapping, Sequence

from paddock.core.anomalies import CLONE, MOVED_HOST, TYPES, Act, Standing, lifts
from paddock.core.errors import Conflict, NotFound
from paddock.store.anomalies import Anomaly, Verdict
from paddock.store.ops import finishing
from paddock.store.ops.work import Work, record, to_json
from paddock.store.records import Agent
from paddock.store.statements import Tx

_MOVES = {
    Standing.ACTIVE: "agent.lifted",
    Standing.QUARANTINED: "agent.quarantined",
    Standing.TERMINAL: "agent.terminated",
}


def note(work: Work, type_: str, agent: str, facts: dict[str, object], times: int) -> Verdict:
    """Notes an anomaly; the journal hears of the first time only. Raises: NotFound."""
    if agent and work.tx.one("agent", id=agent) is None:
        raise NotFound(f"no agent {agent!r}")
    row = work.tx.one("open_anomaly", agent=agent, type=type_)
    found = row["id"] if row else work.new_id("x")
    values = {"id": found, "times": times, "facts": to_json(facts), "now": work.now}
    if row is None:
        work.tx.run("add_anomaly", **values, agent=agent, type=type_)
        work.journal("anomaly.raised", None, agent or None, anomaly=found, type=type_, **facts)
        if TYPES[type_].act is Act.NOTE:  # nobody needs to do anything about it
            work.tx.run("resolve_anomaly", id=found, by="", note="for information", now=work.now)
    else:
        work.tx.run("see_anomaly", **values)
    moved = None
    if agent and TYPES[type_].act is Act.QUARANTINE:
        moved = move(work, agent, Standing.QUARANTINED, TYPES[type_].about, "")
    return Verdict(find(work.tx, found), moved)


def resolve(work: Work, anomaly: str, by: str, said: str) -> Verdict:
    """Closes an anomaly, and lifts the quarantine when nothing is left that keeps it. Raises: NotFound, Conflict."""
    found = find(work.tx, anomaly)
    if not work.tx.run("resolve_anomaly", id=anomaly, by=by, note=said, now=work.now):
        raise Conflict(f"anomaly {anomaly} is resolved already")
    work.journal("anomaly.resolved", None, found.agent or None, anomaly=anomaly, type=found.type, by=by, note=said)
    if found.type == CLONE:  # whoever beats next is the agent
        work.tx.run("forget_roll", agent=found.agent)
    if found.type in MOVED_HOST:
        work.tx.run("bind", agent=found.agent, fingerprint="{}")
    left = frozenset(row["type"] for row in work.tx.all("open_anomalies_of", agent=found.agent))
    moved = move(work, found.agent, Standing.ACTIVE, "", by) if found.agent and lifts(left) else None
    return Verdict(find(work.tx, anomaly), moved)


def move(work: Work, agent: str, standing: Standing, reason: str, by: str) -> Agent | None:
    """Moves an agent; who may not work loses what it holds. None when there is nothing to move. Raises: NotFound."""
    if work.tx.one("agent", id=agent) is None:
        raise NotFound(f"no agent {agent!r}")
    if not work.tx.run("set_standing", agent=agent, standing=standing, reason=reason):
        return None
    work.journal(_MOVES[standing], None, agent, reason=reason, by=by)
    if standing is not Standing.ACTIVE:
        work.tx.run("free_seat", agent=agent)
        for held in work.tx.all("leases_held", agent=agent):
            finishing.lose(work, work.job(held["id"]), standing)
    row = work.tx.one("agent", id=agent)
    assert row is not None
    return record(Agent, row)


def bind(work: Work, agent: str, fingerprint: Mapping[str, str], changed: Sequence[str]) -> None:
    """Binds an agent to a host; the journal hears what of it has changed."""
    work.tx.run("bind", agent=agent, fingerprint=to_json(fingerprint))
    if changed:
        work.journal("agent.drifted", None, agent, changed=", ".join(changed))


def find(tx: Tx, anomaly: str) -> Anomaly:
    """Raises: NotFound."""
    row = tx.one("anomaly", id=anomaly)
    if row is None:
        raise NotFound(f"no anomaly {anomaly!r}", hint="`paddock anomaly list` lists them")
    return record(Anomaly, row)
