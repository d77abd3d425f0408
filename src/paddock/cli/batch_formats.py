"""The three formats of batch files, each decoded together with the lines its fields stand on."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from paddock.core.errors import BadInput

Step = str | int
# Deeper than any batch; a file that nests further is no batch.
MAX_DEPTH = 64
MAX_NODES = 1_500_000


Known = dict[tuple[Step, ...], int]


class Lines:
    """Which line each field stands on, by its steps; looked up only when there is something to say about one."""

    def __init__(self, find: Callable[[], Known]) -> None:
        self._find = find

    def of(self, steps: Sequence[Step]) -> int:
        """The line of a field, else of the nearest one around it; 0 when nothing is known."""
        known = self._find()
        for end in range(len(steps), 0, -1):
            line = known.get(tuple(steps[:end]))
            if line:
                return line
        return 0


def decode(text: str, name: str, form: str) -> tuple[Any, Lines]:
    """What a text in a format (yaml, json or toon) says.

    Raises: BadInput with the file and the line.
    """
    return {"yaml": _yaml, "json": _json, "toon": _toon}[form](text, name)


def _yaml(text: str, name: str) -> tuple[Any, Lines]:
    value, known = _compose(text, name)
    return value, Lines(lambda: known)


def _compose(text: str, name: str) -> tuple[Any, Known]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        reader = _Yaml(name, loader)
        return reader.value(loader.get_single_node(), ()), reader.lines
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 0
        written = text.splitlines()[line - 1 : line] if line else []
        hint = "indent with blanks, YAML takes no tabs" if any("\t" in one for one in written) else ""
        problem = getattr(error, "problem", None) or str(error)
        raise BadInput(f"{name}:{line}: {problem}" if line else f"{name}: {problem}", hint=hint) from None
    finally:
        loader.dispose()


class _Yaml:
    """Makes values of YAML nodes and notes each one's line; refuses keys that stand twice and what grows by aliases."""

    def __init__(self, name: str, loader: Any) -> None:
        self._name = name
        self._loader = loader
        self._seen = 0
        self.lines: Known = {}

    def value(self, node: Any, steps: tuple[Step, ...]) -> Any:
        """The value of a node that stands at `steps`."""
        if node is None:
            return None
        line = node.start_mark.line + 1
        self.lines.setdefault(steps, line)
        self._seen += 1
        if len(steps) > MAX_DEPTH or self._seen > MAX_NODES:
            raise BadInput(f"{self._name}:{line}: nested too deeply or too large for a batch")
        if node.id == "mapping":
            return self._mapping(node, steps)
        if node.id == "sequence":
            return [self.value(item, (*steps, at)) for at, item in enumerate(node.value)]
        made = self._loader.construct_object(node)
        # YAML reads 2024-01-01 as a date; a batch has none, so it stays the text it was.
        return made if made is None or isinstance(made, bool | int | float | str) else node.value

    def _mapping(self, node: Any, steps: tuple[Step, ...]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.id != "scalar":
                raise BadInput(f"{self._name}:{line}: a key must be a text")
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise BadInput(f"{self._name}:{line}: merge keys are not taken", hint="use the batch's `defaults`")
            key = key_node.value
            if key in made:
                raise BadInput(f"{self._name}:{line}: {key!r} stands twice, first in line {self.lines[(*steps, key)]}")
            self.lines[(*steps, key)] = line
            made[key] = self.value(value_node, (*steps, key))
        return made


def _json(text: str, name: str) -> tuple[Any, Lines]:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) < len(found):
            keys = [key for key, _ in found]
            # JSON is YAML, and reading it as such knows the line.
            _compose(text, name)
            raise BadInput(f"{name}: {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one mapping")
        return made

    try:
        return json.loads(text, object_pairs_hook=pairs), Lines(lambda: _json_lines(text))
    except json.JSONDecodeError as error:
        raise BadInput(f"{name}:{error.lineno}: {error.msg[:1].lower()}{error.msg[1:]}") from None
    except (RecursionError, ValueError):
        raise BadInput(f"{name}: nested too deeply, or a number too long") from None


def _json_lines(text: str) -> Known:
    try:
        return _compose(text, "")[1]
    except BadInput:
        # JSON indented with tabs is no YAML; the complaint goes without a line.
        return {}


def _toon(text: str, name: str) -> tuple[Any, Lines]:
    import toons

    from paddock.gitnative.toon import lines

    try:
        return toons.loads(text), Lines(lambda: lines(text))
    except ValueError as error:
        line = getattr(error, "line", None)
        words = re.sub(r"^(?:TOON parse error at )?line \d+: *", "", " ".join(str(error).split()), flags=re.IGNORECASE)
        raise BadInput(f"{name}:{line}: {words}" if line else f"{name}: {words}") from None
