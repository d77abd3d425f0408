"""The one place that knows the TOON library, and the older dialect that some repositories are written in.

That dialect indents by one blank, writes list items bare on lines of their own and texts of several lines after `|`;
no TOON reader takes it. It is written anew as TOON line by line, so that one reader and one notion of lines remain.
"""

import re
from collections.abc import Sequence
from typing import Any

import toons

from paddock.gitnative.errors import TaskInvalid

Step = str | int
Known = dict[tuple[Step, ...], int]

_KEY = re.compile(r'"?([^":\[\]{}]+)"?(\[[^\]]*\])?(\{[^}]*\})?:')
_DIALECT_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)(\[[^\]]*\])?(\{[^}]*\})?:(?: (.*))?")
_SCALAR = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?|true|false|null|\".*\"")
_PREFIX = re.compile(r"^(?:TOON parse error at )?line \d+: *", re.IGNORECASE)


class Document:
    """What a text says, and where: `value` as decoded, `line(steps)` as written."""

    def __init__(self, value: dict[str, Any], text: str, origin: Sequence[int]) -> None:
        self.value = value
        self._text = text
        self._origin = origin
        self._known: Known | None = None

    def line(self, *steps: Step) -> int:
        """The line of a field, else of the nearest one around it; 1 when nothing is known."""
        if self._known is None:
            self._known = lines(self._text)
        for end in range(len(steps), 0, -1):
            found = self._known.get(tuple(steps[:end]))
            if found:
                return self._origin[found - 1] if self._origin else found
        return 1


def dumps(value: object) -> str:
    """A value as TOON with a line end behind it."""
    return toons.dumps(value) + "\n"


def scalar(value: str | int) -> str:
    """A text or a number as it stands behind `key: `."""
    return toons.dumps({"v": value}).removeprefix("v: ")


def loads(text: str, name: str) -> Document:
    """What a text says.

    Raises: TaskInvalid with `name` and the line when it is no TOON, or no mapping.
    """
    origin: list[int] = []
    read = text.replace("\r\n", "\n")
    if is_dialect(read):
        read, origin = _translate(read, name)
    try:
        value = toons.loads(read)
    except ValueError as error:
        line = getattr(error, "line", None) or 0
        line = origin[line - 1] if origin and 0 < line <= len(origin) else line
        words = _PREFIX.sub("", " ".join(str(error).split()))
        raise TaskInvalid(words, path=name, line=line or 1) from None
    if not isinstance(value, dict):
        raise TaskInvalid(f"a mapping is expected, not {type(value).__name__}", path=name, line=1)
    return Document(value, read, origin)


def lines(text: str) -> Known:
    """Which line each field of a TOON document stands on, told by indentation."""
    known: Known = {}
    around: list[tuple[int, tuple[Step, ...]]] = []
    items: dict[tuple[Step, ...], int] = {}
    tables: set[tuple[Step, ...]] = set()
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        indent = len(raw) - len(raw.lstrip())
        if not line or line.startswith("#"):
            continue
        while around and around[-1][0] >= indent:
            around.pop()
        steps = around[-1][1] if around else ()
        row = steps in tables
        if row or line == "-" or line.startswith("- "):
            items[steps] = items.get(steps, -1) + 1
            steps = (*steps, items[steps])
            known[steps] = number
            around.append((indent, steps))
            indent, line = indent + 2, line[2:]
        found = None if row else _KEY.match(line)
        if found:
            steps = (*steps, found[1].strip())
            known.setdefault(steps, number)
            around.append((indent, steps))
            if found[3]:
                tables.add(steps)
    return known


def indent_of(text: str) -> int:
    """Blanks of one level: those before the first indented line, 2 when none is."""
    for raw in text.split("\n"):
        line = raw.lstrip(" ")
        if line and raw != line:
            return len(raw) - len(line)
    return 2


def is_dialect(text: str) -> bool:
    """Whether a text is written in the older dialect."""
    return indent_of(text) == 1


class _Source:
    """Lines with their depth, read one after the other."""

    def __init__(self, text: str) -> None:
        self.rows = [(len(raw) - len(raw.lstrip(" ")), raw.strip()) for raw in text.split("\n")]
        self.at = 0

    def below(self, depth: int) -> list[tuple[int, int, str]]:
        """Takes the lines that stand deeper than `depth`: number, depth, text. Blank lines inside stay, as texts."""
        taken = []
        while self.at < len(self.rows):
            indent, text = self.rows[self.at]
            if text and indent <= depth:
                break
            taken.append((self.at + 1, indent, text))
            self.at += 1
        while taken and not taken[-1][2]:
            taken.pop()
        return taken


def _translate(text: str, name: str) -> tuple[str, list[int]]:
    """The dialect as TOON, and for each line of it the line it came from."""
    source, out, origin = _Source(text), [], []
    while source.at < len(source.rows):
        depth, line = source.rows[source.at]
        number = source.at + 1
        source.at += 1
        if not line or line.startswith("#"):
            continue
        found = _DIALECT_KEY.fullmatch(line)
        if found is None:
            raise TaskInvalid(f"`key: value` is expected, not {line[:60]!r}", path=name, line=number)
        for made, at in _field(found, depth, number, source):
            out.append(made)
            origin.append(at)
    return "\n".join(out) + "\n", origin


def _field(found: "re.Match[str]", depth: int, number: int, source: _Source) -> list[tuple[str, int]]:
    key, count, columns, value = found[1], found[2], found[3], found[4] or ""
    pad = "  " * depth
    if value.strip() in ("|", "|-", ">") and not count:
        block = source.below(depth)
        text = "\n".join(" " * max(0, indent - depth - 1) + line if line else "" for _, indent, line in block)
        return [(f"{pad}{key}: {scalar(text)}", number)]
    if columns:
        rows = [(at, line) for at, _, line in source.below(depth) if line]
        head = f"{pad}{key}[{len(rows)}]{columns}:"
        return [(head, number), *((f"{pad}  {line}", at) for at, line in rows)]
    if count and not value.strip():
        items = [(at, line.removeprefix("- ")) for at, _, line in source.below(depth) if line]
        made = [(f"{pad}  - {_quoted(line)}", at) for at, line in items]
        return [(f"{pad}{key}[{len(items)}]:", number), *made]
    shown = f" {value.strip() if count else _quoted(value.strip())}" if value.strip() else ""
    return [(f"{pad}{key}{count or ''}:{shown}", number)]


def _quoted(text: str) -> str:
    return text if _SCALAR.fullmatch(text) else scalar(text)
