"""Who may start how much: projects paused and weighed, limits set and removed."""

from typing import Any

from paddock.control.plane import PROJECTS, Control
from paddock.core import kinds, limits
from paddock.core.errors import BadInput
from paddock.core.job import CAPABILITY, LIMIT, moment
from paddock.core.limits import MOST_WEIGHT, NEVER
from paddock.store.records import Project

MAX_NOTE = 1_000
MAX_NAME = 100


async def pause(control: Control, name: str, raw: object) -> Project:
    """Keeps a project's jobs from starting; `until` or `seconds` say for how long, without them it has no end.

    Raises: BadInput naming the field, NotFound.
    """
    given = fields(raw, "by", "note", "until", "seconds")
    by = text(given, "by", MAX_NAME) or "somebody"
    note = text(given, "note", MAX_NOTE)
    now = control.clock.now()
    if "until" in given and "seconds" in given:
        raise BadInput("either until or seconds, not both", where="until")
    until = NEVER
    if "seconds" in given:
        until = now + int(number(given, "seconds", 1, 10**9) * 1_000)
    elif given.get("until") is not None:
        value = given["until"]
        if not isinstance(value, int | str) or isinstance(value, bool):
            raise BadInput("until: expected a moment", where="until")
        until = moment(value, "until")
        if until <= now:
            raise BadInput("until lies in the past", where="until")
    return _took(control, await control.store.pause(name, by, note, until, now))


async def resume(control: Control, name: str, raw: object) -> Project:
    """Lets a paused project's jobs start again. Raises: BadInput, NotFound."""
    by = text(fields(raw, "by"), "by", MAX_NAME) or "somebody"
    return _took(control, await control.store.resume(name, by, control.clock.now()))


async def share(control: Control, name: str, raw: object) -> Project:
    """Sets a project's share against others'. Raises: BadInput, NotFound."""
    given = fields(raw, "weight")
    weight = number(given, "weight", 0, MOST_WEIGHT)
    if weight != int(weight):
        raise BadInput("weight: expected a whole number", where="weight")
    return _took(control, await control.store.weigh(name, int(weight), control.clock.now()))


def _took(control: Control, project: Project) -> Project:
    control.projects[project.name] = project
    control.bus.news(PROJECTS)
    control.stir()
    return project


async def set_limit(control: Control, raw: object) -> dict[str, Any]:
    """Sets a limit about a key, a project, a kind, a capability, or several at once, in place of the earlier one.

    Raises: BadInput naming the field, NotFound for an unknown project.
    """
    given = fields(raw, *limits.SELECTORS, "most", "starts", "seconds")
    words = {what: text(given, what, 64) for what in limits.SELECTORS}
    for what, form in (("key", LIMIT), ("capability", CAPABILITY)):
        if words[what] and not form.match(words[what]):
            raise BadInput(f"{what}: {words[what]!r} is none", hint="small letters, digits, . _ : + -", where=what)
    if words["kind"]:
        kinds.get(words["kind"])
    limit = limits.Limit(
        **words,
        most=_whole(given, "most"),
        starts=_whole(given, "starts"),
        window_ms=int(number(given, "seconds", 1, 10**6) * 1_000) if given.get("seconds") is not None else None,
    )
    limits.check(limit)
    await control.store.set_limit(limit, control.clock.now())
    control.stir()
    return next(view for view in await list_limits(control) if view["name"] == limit.name)


def _whole(given: dict[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise BadInput(f"{name}: expected a whole number", where=name)
    return value


async def remove_limit(control: Control, name: str) -> dict[str, Any]:
    """Raises: NotFound."""
    await control.store.remove_limit(name, control.clock.now())
    control.stir()
    return {"name": name, "removed": True}


async def list_limits(control: Control) -> list[dict[str, Any]]:
    """Every limit with what counts towards it; `opens` is when a limit on starts has room again."""
    return [_view(level) for level in await control.store.levels(control.clock.now())]


def _view(level: limits.Level) -> dict[str, Any]:
    limit = level.limit
    return {
        "name": level.name,
        **{what: getattr(limit, what) for what in limits.SELECTORS},
        "most": limit.most,
        "starts": limit.starts,
        "seconds": limit.window_ms / 1_000 if limit.window_ms else None,
        "live": level.live,
        "started": level.started,
        "room": level.room,
        "opens": None if level.room else level.opens,
    }


def fields(raw: object, *known: str) -> dict[str, Any]:
    """A body's fields. Raises: BadInput for anything but a mapping of known ones."""
    if not isinstance(raw, dict):
        raise BadInput("expected a mapping")
    unknown = set(raw) - set(known)
    if unknown:
        raise BadInput(f"unknown field {min(unknown)!r}", hint=f"fields are: {', '.join(known)}")
    return raw


def text(given: dict[str, Any], name: str, most: int) -> str:
    """A text of one line; empty where it is left out. Raises: BadInput."""
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise BadInput(f"{name}: expected a text of one line, at most {most} characters", where=name)
    return value.strip()


def number(given: dict[str, Any], name: str, least: float, most: float) -> float:
    """A number between bounds. Raises: BadInput."""
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadInput(f"{name}: expected a number from {least:g} to {most:g}", where=name)
    return value
