"""Small drawings made on the server; colours come from the stylesheet, widths stretch with the page."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

WIDTH = 1000
_SVG = Markup('<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>')
_RECT = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>')


def slots(running: int, total: int) -> Markup:
    """How many of an agent's slots are taken."""
    most = max(total, running, 1)
    taken = _RECT.format("taken", 0, 0, round(WIDTH * running / most), 8)
    return _SVG.format("bar", WIDTH, 8, f"{running} of {total} slots taken", taken)


def ratio(part: int, whole: int, label: str) -> Markup:
    """A share of a whole."""
    filled = _RECT.format("taken", 0, 0, round(WIDTH * part / whole) if whole else 0, 8)
    return _SVG.format("bar", WIDTH, 8, label, filled)


def stack(counts: Mapping[str, int]) -> Markup:
    """Counts as lengths of one bar, each of the class `s-<name>`; every count above zero can be seen."""
    whole = sum(counts.values())
    if not whole:
        return Markup("")
    x, parts = 0, []
    shown = {name: n for name, n in counts.items() if n}
    least = 6
    room = WIDTH - least * len(shown)
    for name, n in shown.items():
        width = least + room * n // whole
        parts.append(_RECT.format(f"s-{name}", x, 0, max(width - 2, 1), 10))
        x += width
    label = ", ".join(f"{n} {name}" for name, n in shown.items())
    return _SVG.format("bar stack", WIDTH, 10, label, Markup("").join(parts))


def extent(attempts: Sequence[Mapping[str, Any]], created: int, now: int) -> tuple[int, int]:
    """The first and last moment that a timeline shows."""
    ends = [attempt["ended"] or now for attempt in attempts]
    return created, max([*ends, created + 1])


def attempt(given: Mapping[str, Any], first: int, last: int, now: int) -> Markup:
    """One attempt between two moments: from claim to start pale, from there in the colour of its state.

    When a run started is known once it has ended; until then the whole attempt is drawn in that colour.
    """
    size = max(last - first, 1)

    def at(moment: int) -> int:
        return min(max(round(WIDTH * (moment - first) / size), 0), WIDTH)

    claimed, ended = at(given["claimed"]), at(given["ended"] or now)
    started = max(at(given["started"] or given["claimed"]), claimed)
    parts = [
        _RECT.format("prepare", claimed, 2, max(started - claimed, 2), 8),
        _RECT.format(f"s-{given['state']}", min(started, WIDTH - 4), 0, max(ended - started, 4), 12),
    ]
    return _SVG.format("lane", WIDTH, 12, f"attempt {given['epoch']}: {given['state']}", Markup("").join(parts))
