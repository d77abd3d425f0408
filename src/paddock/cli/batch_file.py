"""Batch files: YAML, JSON or TOON, with the file and the line in every complaint."""

import re
import sys
from pathlib import Path
from typing import Any

from paddock.cli import batch_formats
from paddock.core.errors import BadInput, why
from paddock.core.job import parse_batch, settle

MAX_BYTES = 64 << 20
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
# What the core's complaints say of their place beyond `where`.
_JOB = re.compile(r"(?:job '|dependencies form a cycle: )([A-Za-z0-9._-]+)")
_KIND = re.compile(r"unknown kind '([^']*)'")
_FIELD = re.compile(r"job '[^']*': ([a-z_]+(?:\.[A-Za-z0-9_]+)*): ")
_UNKNOWN = re.compile(r"unknown field [`']([^`']+)[`']")


class BatchFile:
    """A batch as it was written, checked as far as that can be done without a control plane."""

    def __init__(self, name: str, body: dict[str, Any], lines: batch_formats.Lines) -> None:
        self.name = name
        self.body = body
        self._lines = lines

    def check(self) -> None:
        """Raises: BadInput with file, line and field."""
        try:
            settle(parse_batch(self.body))
        except BadInput as error:
            raise self.placed(error) from None

    def placed(self, error: BadInput) -> BadInput:
        """The same complaint with the file and the line it is about."""
        line = self._lines.of(self._steps(error))
        place = f"{self.name}:{line}" if line else self.name
        field = f"{error.where}: " if error.where and not error.message.startswith(error.where) else ""
        return BadInput(f"{place}: {field}{error.message}", hint=error.hint)

    def _steps(self, error: BadInput) -> list[str | int]:
        """The place of a complaint, as near as its `where` and its words tell."""
        steps: list[str | int] = [
            int(found[2]) if found[2] else found[1] for found in _STEP.finditer(error.where) if found[1] or found[2]
        ]
        if not steps:
            steps = self._by_words(error.message)
        field = _FIELD.match(error.message)
        steps += field[1].split(".") if field else []
        unknown = _UNKNOWN.search(error.message)
        return [*steps, unknown[1]] if unknown else steps

    def _by_words(self, message: str) -> list[str | int]:
        """The place of a complaint that names a job or a kind."""
        for words, key, field in ((_JOB, "id", "depends_on"), (_KIND, "kind", "kind")):
            named = words.match(message)
            jobs = self.body["jobs"] if named else []
            values = [job.get(key) if isinstance(job, dict) else None for job in jobs]
            if named and named[1] in values:
                return ["jobs", values.index(named[1]), field]
            if named and key == "kind":
                return ["defaults", "kind"]
        return []


def read(path: str) -> BatchFile:
    """A batch file; `-` is stdin.

    Raises: BadInput with the file, and the line where there is one.
    """
    name = "stdin" if path == "-" else path
    text = _text(path, name)
    if not text.strip():
        raise BadInput(f"{name} is empty", hint="a batch names a project and its jobs")
    body, lines = batch_formats.decode(text, name, _format(path, text))
    if not isinstance(body, dict):
        raise BadInput(f"{name}: a batch is a mapping with `project` and `jobs`, this is {_kind(body)}")
    return BatchFile(name, body, lines)


def _kind(body: object) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(body), f"a {type(body).__name__}")


def _text(path: str, name: str) -> str:
    try:
        if path == "-":
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise BadInput(f"{name} is a directory, not a batch file") from None
    except FileNotFoundError:
        raise BadInput(f"there is no file {name}") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{name} cannot be read: {why(error)}") from None
    if len(raw) > MAX_BYTES:
        raise BadInput(f"{name} is larger than {MAX_BYTES >> 20} MiB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadInput(f"{name}:{line}: this is no text in UTF-8") from None
    control = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        raise BadInput(f"{name}:{line}: this is no text: it holds the control character {control[0]!r}")
    return text


def _format(path: str, text: str) -> str:
    """By the name's end; without one that tells, by the first character."""
    suffix = Path(path).suffix.lower()
    if suffix in (".yaml", ".yml", ".json", ".toon"):
        return "yaml" if suffix == ".yml" else suffix[1:]
    return "json" if text.lstrip()[0] in "{[" else "yaml"
