"""Changes to a task file that leave everything else in it as it is, in whichever way it is written."""

import re
from collections.abc import Mapping

from paddock.gitnative import toon

# Other characters that end lines elsewhere are text here.
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def with_status(text: str, status: str) -> str:
    """The text with another status in its section `task`."""
    lines = _LINE.findall(text)
    inside = False
    for at, line in enumerate(lines):
        if _begins(line):
            inside = _name(line) == "task"
        found = re.fullmatch(r"( +status:)[^\r\n]*(\r?\n?)", line)
        if inside and found:
            lines[at] = f"{found[1]} {status}{found[2]}"
            break
    return "".join(lines)


def with_section(text: str, name: str, values: Mapping[str, object]) -> str:
    """The text with a section at its end; one of that name that is there already is replaced."""
    pad = " " * toon.indent_of(text)
    told = {key: value for key, value in values.items() if value not in ("", None)}
    rows = "".join(f"{pad}{key}: {_shown(value)}\n" for key, value in told.items())
    before = without_section(text, name).rstrip()
    parted = "\n\n" if "\n\n" in before else "\n"
    return f"{before}{parted}{name}:\n{rows}"


def without_section(text: str, name: str) -> str:
    """The text without one of its sections."""
    out, skipped = [], False
    for line in _LINE.findall(text):
        if _begins(line):
            skipped = _name(line) == name
        if not skipped:
            out.append(line)
    return "".join(out)


def _begins(line: str) -> bool:
    """Whether a section begins here; a comment is part of whatever is around it."""
    return bool(line.strip()) and not line.startswith((" ", "#"))


def _name(line: str) -> str:
    return line.split(":")[0].split("[")[0].strip().strip('"')


def _shown(value: object) -> str:
    return toon.scalar(value if isinstance(value, int) else str(value))
