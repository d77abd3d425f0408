"""A unified diff as files and lines, cut to what a page can hold."""

import re
from dataclasses import dataclass, field

# Characters of diff on one page, and lines from which a file is folded.
ROOM = 48_000
FOLD = 120
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_KINDS = {"+": "add", "-": "del", " ": "ctx", "\\": "note"}


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


def parse(text: str) -> Diff:
    """The files of a unified diff as git writes it.

    Lines inside a hunk are counted by the hunk's own header, so that content which looks like a header stays content.
    """
    files: list[File] = []
    old = new = 0
    for line in text[:ROOM].split("\n"):
        if (old > 0 or new > 0) and (not line or line[0] in _KINDS):
            kind = _KINDS.get(line[:1], "ctx")
            old -= kind in ("del", "ctx")
            new -= kind in ("add", "ctx")
            files[-1].lines.append((kind, line))
            files[-1].added += kind == "add"
            files[-1].removed += kind == "del"
            continue
        old = new = 0
        hunk = _HUNK.match(line)
        if line.startswith("diff --git "):
            files.append(File(_path(line)))
        elif not files:
            continue
        elif hunk:
            old, new = (int(count) if count is not None else 1 for count in hunk.groups())
            files[-1].lines.append(("hunk", line))
        elif line.startswith(("new file", "deleted file", "old mode", "new mode", "rename ", "Binary files", "\\")):
            files[-1].lines.append(("note", line))
    return Diff(files, len(text) > ROOM)


def _path(header: str) -> str:
    """The new path in `diff --git a/<path> b/<path>`, as git quoted it."""
    rest = header.removeprefix("diff --git ")
    half = len(rest) // 2
    # Where both halves are the same path the middle is sure, whatever the path holds.
    if rest[2:half] == rest[half + 3 :]:
        return rest[half + 3 :]
    return rest.rsplit(" b/", 1)[-1].rsplit(' "b/', 1)[-1].rstrip('"')
