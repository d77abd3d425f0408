"""What keeps jobs from starting although agents are free: pauses, limits and shares."""

from collections.abc import Mapping, Sequence

import msgspec

from paddock.core import limits, matching
from paddock.core.errors import BadInput, NotFound
from paddock.core.limits import MOST_LIMITS, NEVER, Head, Level, Limit, Room, Shares
from paddock.store.ops.reading import find_project
from paddock.store.ops.work import Work
from paddock.store.records import Granted, Project
from paddock.store.statements import Row, Tx


def pause(work: Work, name: str, by: str, note: str, until: int) -> Project:
    """Keeps a project's jobs from starting until then (epoch milliseconds); what runs goes on.

    Raises: NotFound.
    """
    if work.tx.run("pause_project", name=name, by=by, note=note, at=work.now, until=until):
        work.tx.run("mark_pause", name=f"paused {name}", project=name, updated=work.now)
        work.journal("project.paused", project=name, by=by, note=note, until=None if until == NEVER else until)
    return find_project(work.tx, name)


def resume(work: Work, name: str, by: str) -> Project:
    """Lets a project's jobs start again. Raises: NotFound."""
    project = find_project(work.tx, name)
    if project.paused_until > work.now:
        work.tx.run("pause_project", name=name, by="", note="", at=0, until=0)
        work.tx.run("forget_pauses", now=work.now)
        work.tx.run("reset_budgets", project=name, now=work.now)
        work.journal("project.resumed", project=name, by=by)
    work.readied = True
    return find_project(work.tx, name)


def weigh(work: Work, name: str, weight: int) -> Project:
    """Sets a project's share of live leases against other projects. Raises: NotFound."""
    if work.tx.run("weigh_project", name=name, weight=weight):
        work.journal("project.weighed", project=name, weight=weight)
    return find_project(work.tx, name)


def set_limit(work: Work, limit: Limit) -> None:
    """Sets a limit, in place of the one about the same jobs. What runs already counts, what began earlier does not.

    Raises: BadInput for one too many, NotFound for an unknown project.
    """
    if limit.project:
        find_project(work.tx, limit.project)
    if work.tx.value("count_limits", but=limit.name) >= MOST_LIMITS:
        raise BadInput(f"there are {MOST_LIMITS} limits", hint="remove some first")
    selectors = {what: getattr(limit, what) for what in limits.SELECTORS}
    bounds = {"most": limit.most, "starts": limit.starts, "window_ms": limit.window_ms}
    work.tx.run("set_limit", name=limit.name, updated=work.now, **selectors, **bounds)
    work.journal("limit.set", limit=limit.name, **bounds)
    work.readied = True


def remove_limit(work: Work, name: str) -> None:
    """Raises: NotFound."""
    if not work.tx.run("remove_limit", name=name):
        raise NotFound(f"no limit {name!r}", hint="`paddock limit list` lists them")
    work.tx.run("forget_starts", name=name, before=NEVER)
    work.journal("limit.removed", limit=name)
    work.readied = True


def levels(tx: Tx, now: int) -> list[Level]:
    """Every limit with what counts towards it."""
    rows = tx.all("limits_now", now=now)
    return _levels(rows, _live(tx.all("standings"))) if rows else []


def _live(standings: Sequence[Row]) -> dict[str, int]:
    return {row["name"]: row["n"] for row in standings if matching.SEPARATOR in row["name"]}


def _levels(rows: Sequence[Row], live: Mapping[str, int]) -> list[Level]:
    bare = [Level(name=row["name"], limit=_limit(row), started=row["started"], oldest=row["oldest"]) for row in rows]
    covering = Room(bare).covering
    counts: dict[str, int] = {}
    for lane, leases in live.items():
        for name in covering(lane):
            counts[name] = counts.get(name, 0) + leases
    return [
        msgspec.structs.replace(level, live=counts[level.name]) if level.name in counts else level for level in bare
    ]


def _limit(row: Row) -> Limit:
    return Limit(
        key=row["key"],
        project=row["project"],
        kind=row["kind"],
        capability=row["capability"],
        most=row["most"],
        starts=row["starts"],
        window_ms=row["window_ms"],
    )


def choose(work: Work, lanes: Sequence[tuple[str, list[Row]]], want: int, held: bool) -> tuple[list[str], Room]:
    """The jobs to grant of these heads of lanes, by shares and, where anything is held back, within what may start.

    Returns the room that they leave, too.
    """
    standings = work.tx.all("standings")
    levels_now, paused = [], set()
    if held:
        levels_now = _levels(work.tx.all("limits_now", now=work.now), _live(standings))
        paused = {row["name"] for row in work.tx.all("paused", now=work.now)}
        if not levels_now and not paused:
            work.tx.run("forget_pauses", now=work.now)
    room = Room(levels_now)
    heads = [
        Head(less_urgent=-row["urgency"], id=row["id"], lane=lane, exclusive=row["exclusive"])
        for lane, rows in lanes
        if matching.parse_lane(lane)[0] not in paused
        for row in rows
    ]
    chosen = limits.choose(heads, want, room, shares(standings), work.chance)
    return [head.id for head in chosen], room


def shares(standings: Sequence[Row]) -> Shares:
    """Each project's live leases and weight."""
    leases: dict[str, int] = {}
    live = _live(standings)
    for lane, count in live.items():
        project = matching.parse_lane(lane)[0]
        leases[project] = leases.get(project, 0) + count
    return Shares(leases=leases, weights={row["name"]: row["n"] for row in standings if row["name"] not in live})


def note_starts(work: Work, granted: Sequence[Granted], room: Room) -> None:
    """Keeps what has just begun under limits on starts, as long as their windows last."""
    rows: list[Row] = [
        {"limit_name": name, "job": job.id, "epoch": job.epoch, "at": work.now}
        for job in granted
        for name in room.timed(job.lane)
    ]
    if rows:
        work.tx.many("add_start", rows)
    for name in {row["limit_name"] for row in rows}:
        work.tx.run("forget_starts", name=name, before=work.now - room.window_of(name))


def hold_back(tx: Tx, now: int, lanes: dict[str, tuple[int, int | None]]) -> dict[str, tuple[int, int | None]]:
    """Lanes as a claim would find them: of a paused project nothing, of a limited lane what there is room for."""
    paused = {row["name"]: row["paused_until"] for row in tx.all("paused", now=now)}
    room = Room(levels(tx, now))
    out = {}
    for lane, (jobs, due) in lanes.items():
        until = paused.get(matching.parse_lane(lane)[0])
        left = room.left(lane)
        if until is not None:
            out[lane] = (0, until)
        elif jobs > left:
            out[lane] = (int(left), min(filter(None, (due, room.opens(lane))), default=None))
        else:
            out[lane] = (jobs, due)
    return out
