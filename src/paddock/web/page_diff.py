"""A unified diff as files and lines, cut to what a page can hold."""

import re
from dataclasses import dataclass, field

from markupsafe import escape

from paddock.web.render import visible

# Characters of HTML that a page spends on a diff; what a line and a file cost beside their text; the longest line.
ROOM = 60_000
LINE_COST, FILE_COST = 32, 260
LONGEST = 1_000
# Lines from which a file is folded.
FOLD = 120
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_KINDS = {"+": "add", "-": "del", " ": "ctx", "\\": "note"}
_NOTES = ("new file", "deleted file", "old mode", "new mode", "rename ", "Binary files", "\\")


@dataclass
class File:
    """One file of a diff; lines are (class, text)."""

    path: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    added: int = 0
    removed: int = 0

    @property
    def folded(self) -> bool:
        return len(self.lines) > FOLD


@dataclass
class Diff:
    """The files shown, and whether the diff goes on behind them."""

    files: list[File]
    cut: bool


class _Reader:
    """Lines inside a hunk are counted by the hunk's own header, so that content which looks like a header stays one."""

    def __init__(self) -> None:
        self.files: list[File] = []
        self._old = self._new = 0

    def line(self, line: str) -> int:
        """Takes one line and says what it costs."""
        if (self._old > 0 or self._new > 0) and (not line or line[0] in _KINDS):
            return self._content(line)
        self._old = self._new = 0
        if line.startswith("diff --git "):
            self.files.append(File(path_of(line)))
            return FILE_COST + len(line)
        if not self.files:
            return 0
        hunk = _HUNK.match(line)
        if hunk:
            self._old, self._new = (int(count) if count is not None else 1 for count in hunk.groups())
        return self._add("hunk", line) if hunk else self._add("note", line) if line.startswith(_NOTES) else 0

    def _content(self, line: str) -> int:
        kind = _KINDS.get(line[:1], "ctx")
        self._old -= kind in ("del", "ctx")
        self._new -= kind in ("add", "ctx")
        self.files[-1].added += kind == "add"
        self.files[-1].removed += kind == "del"
        return self._add(kind, line)

    def _add(self, kind: str, line: str) -> int:
        text = line if len(line) <= LONGEST else f"{line[:LONGEST]}… {len(line) - LONGEST:,} more characters"
        self.files[-1].lines.append((kind, text))
        return LINE_COST + len(escape(visible(text)))


def parse(text: str) -> Diff:
    """The files of a unified diff as git writes it, up to what fits."""
    reader, room = _Reader(), ROOM
    for line in text.split("\n"):
        if room <= 0:
            return Diff(reader.files, True)
        room -= reader.line(line)
    return Diff(reader.files, False)


def path_of(header: str) -> str:
    """The new path in `diff --git a/<path> b/<path>`, as git quoted it."""
    rest = header.removeprefix("diff --git ")
    half = len(rest) // 2
    # Where both halves are the same path the middle is sure, whatever the path holds.
    if rest[2:half] == rest[half + 3 :]:
        return rest[half + 3 :]
    return rest.rsplit(" b/", 1)[-1].rsplit(' "b/', 1)[-1].rstrip('"')
