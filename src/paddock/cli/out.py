"""What verbs say on stdout: JSON, tables, trees. Made for eyes on a terminal, plain otherwise."""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

# Everything that could steer a terminal; what jobs and agents write is shown, never obeyed. Colours stay.
# What steers a terminal, or hides or turns around what people read.
_STEERING = re.compile(
    r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}
_OF_STATE = {
    "done": "green",
    "merged": "green",
    "online": "green",
    "failed": "red",
    "refused": "red",
    "red": "red",
    "conflicted": "red",
    "rejected": "red",
    "parked": "red",
    "offline": "red",
    "leased": "cyan",
    "running": "cyan",
    "in_review": "yellow",
    "changes_requested": "yellow",
    "open": "yellow",
    "approved": "yellow",
}


def colours(stream: TextIO | None = None) -> bool:
    """Whether a stream takes colours: a terminal, and nobody said NO_COLOR."""
    stream = stream or sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour where the stream takes colours."""
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if colour and colours(stream) else text


def state(word: str) -> str:
    """A state in its colour."""
    return paint(word, _OF_STATE.get(word, ""))


def plain(value: object) -> str:
    """A value on one line without anything that steers a terminal."""
    return _STEERING.sub("·", _COLOUR.sub("", " ".join(str(value).split()))) if value is not None else ""


def visible(text: str) -> str:
    """A text of several lines without anything that steers a terminal but colours."""
    return _STEERING.sub("·", text.replace("\r\n", "\n"))


def line(text: str = "") -> None:
    """One line for eyes, at once."""
    print(text, flush=True)


def note(text: str) -> None:
    """One line beside the results, on stderr."""
    print(text, file=sys.stderr, flush=True)


def dump(value: object) -> None:
    """A result as JSON."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def table(titles: Sequence[str], rows: Sequence[Sequence[object]], empty: str, spare: Sequence[str] = ()) -> None:
    """Rows below titles, or what an empty list means. A narrow terminal shows no `spare` columns."""
    if not rows:
        line(empty)
        return
    from paddock.cli.columns import GAP, fit

    cells = [[title.upper() for title in titles], *([plain(cell) for cell in row] for row in rows)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    head, *lines = fit(cells, [titles.index(title) for title in spare], room)
    print((" " * GAP).join(paint(title, "bold") for title in head).rstrip())
    for row in lines:
        # A single word of a reason may read like a state.
        colours = [
            _OF_STATE.get(cell.rstrip(), "") if head[at].rstrip() != "WHY" else "" for at, cell in enumerate(row)
        ]
        print((" " * GAP).join(map(paint, row, colours)).rstrip())


def facts(pairs: Mapping[str, object]) -> None:
    """Names and values, one a line; empty values are left out."""
    shown = {name: plain(value) for name, value in pairs.items() if value not in (None, "", [], {}, ())}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        print(f"{paint(name.ljust(width), 'dim')}  {value}")


def tree(label: str, branches: Sequence[tuple[str, Sequence[Any]]], indent: str = "") -> None:
    """A label with branches below it; a branch is a label and its own branches."""
    print(label)
    _branches(branches, indent)


def _branches(branches: Sequence[tuple[str, Sequence[Any]]], indent: str) -> None:
    for number, (label, below) in enumerate(branches, 1):
        last = number == len(branches)
        print(f"{indent}{'└─' if last else '├─'} {label}")
        _branches(below, indent + ("   " if last else "│  "))


def count(number: int, what: str) -> str:
    """A number of things, such as `1 file` or `2 files`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def age(ms: object, now: float | None = None) -> str:
    """How long ago a moment was, such as `12s`; `in 12s` for one to come; empty for none."""
    if not isinstance(ms, int | float) or not ms:
        return ""
    gone = (time.time() if now is None else now) - ms / 1_000
    return f"in {span(-gone)}" if gone < -0.5 else span(max(0.0, gone))


def span(seconds: float) -> str:
    """A length of time in its largest fitting unit."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s" if seconds >= 10 else f"{seconds:.1f}s"


def clock(ms: object) -> str:
    """A moment as local date and time; empty for none."""
    if not isinstance(ms, int | float) or not ms:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ms / 1_000))
