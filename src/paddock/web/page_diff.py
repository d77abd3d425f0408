"""A unified diff as files and lines, cut to what a page can hold."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import escape

from paddock.web.page_colour import Part, parts
from paddock.web.render import visible

# Characters of HTML that a page spends on a diff; what a line and a file cost beside their text; the longest line.
ROOM = 60_000
LINE_COST, FILE_COST, PART_COST = 32, 260, 20
LONGEST = 1_000
# Lines from which a file is folded.
FOLD = 120
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_KINDS = {"+": "add", "-": "del", " ": "ctx", "\\": "note"}
_NOTES = ("new file", "deleted file", "old mode", "new mode", "rename ", "Binary files", "\\")


@dataclass
class Line:
    """One line of a diff in coloured parts; `number` is its place in the file with the change, 0 where it has none."""

    kind: str
    parts: list[Part]
    number: int = 0
    # Open findings about it.
    findings: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The line as it is."""
        return "".join(text for _, text in self.parts)


@dataclass
class File:
    """One file of a diff; `findings` are the open ones about lines that are not shown, or about all of it."""

    path: str
    lines: list[Line] = field(default_factory=list)
    added: int = 0
    removed: int = 0
    findings: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def folded(self) -> bool:
        """Whether it is shown closed: a long one, unless something was found in it."""
        return len(self.lines) > FOLD and not any(line.findings for line in self.lines)

    def place(self, finding: Mapping[str, Any]) -> None:
        """Puts a finding where it belongs."""
        line = next((line for line in self.lines if line.number and line.number == finding["line"]), None)
        (line or self).findings.append(finding)


@dataclass
class Diff:
    """The files shown, and whether the diff goes on behind them."""

    files: list[File]
    cut: bool


class _Reader:
    """Lines inside a hunk are counted by the hunk's own header, so that content which looks like a header stays one."""

    def __init__(self) -> None:
        self.files: list[File] = []
        self._old = self._new = self._at = 0

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
            old, self._at, new = (int(count) if count is not None else 1 for count in hunk.groups())
            self._old, self._new = old, new
        return self._add("hunk", line) if hunk else self._add("note", line) if line.startswith(_NOTES) else 0

    def _content(self, line: str) -> int:
        kind = _KINDS.get(line[:1], "ctx")
        self._old -= kind in ("del", "ctx")
        self._new -= kind in ("add", "ctx")
        self.files[-1].added += kind == "add"
        self.files[-1].removed += kind == "del"
        number = self._at if kind in ("add", "ctx") else 0
        self._at += number > 0
        return self._add(kind, line, number)

    def _add(self, kind: str, line: str, number: int = 0) -> int:
        text = line if len(line) <= LONGEST else f"{line[:LONGEST]}… {len(line) - LONGEST:,} more characters"
        file = self.files[-1]
        coloured = [("", text[:1]), *parts(file.path, text[1:])] if kind in ("add", "del", "ctx") else [("", text)]
        file.lines.append(Line(kind, coloured, number))
        return LINE_COST + PART_COST * sum(bool(name) for name, _ in coloured) + len(escape(visible(text)))


def parse(text: str, findings: Iterable[Mapping[str, Any]] = ()) -> Diff:
    """The files of a unified diff as git writes it, up to what fits, with the open ones of the findings in place."""
    reader, room, cut = _Reader(), ROOM, False
    for line in text.split("\n"):
        cut = room <= 0
        if cut:
            break
        room -= reader.line(line)
    files = {file.path: file for file in reader.files}
    for one in findings:
        if one["state"] == "open" and one["path"] in files:
            files[one["path"]].place(one)
    return Diff(reader.files, cut)


def path_of(header: str) -> str:
    """The new path in `diff --git a/<path> b/<path>`, as git quoted it."""
    rest = header.removeprefix("diff --git ")
    half = len(rest) // 2
    # Where both halves are the same path the middle is sure, whatever the path holds.
    if rest[2:half] == rest[half + 3 :]:
        return rest[half + 3 :]
    return rest.rsplit(" b/", 1)[-1].rsplit(' "b/', 1)[-1].rstrip('"')
