"""The reference pages say what the code says, and leave nothing out."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from paddock import settings
from paddock.agent.intake import REFUSALS
from paddock.cli.main import GROUPS
from paddock.core import kinds, states
from paddock.web.api import ENDPOINTS
from paddock.web.page_words import SENTENCES

PAGES = Path(__file__).parents[2] / "docs" / "reference"
SOURCE = Path(__file__).parents[2] / "src" / "paddock"
AGAIN = "run: .venv/bin/python docs/generate.py"


def test_pages_are_current(generator: ModuleType) -> None:
    assert generator.stale() == [], AGAIN


def test_no_page_is_left_over(generator: ModuleType) -> None:
    by_hand = {"attacks"}  # held by tests/house/test_attacks.py
    assert {path.stem for path in PAGES.glob("*.md")} - by_hand == set(generator.PAGES)


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("settings", [f"`{row.env}`" for row in settings.TABLE.values()]),
        ("job-kinds", [f"## `{name}`" for name in kinds.KINDS]),
        ("refusal-codes", [f"| `{code}` |" for code in REFUSALS]),
        ("journal-events", [f"| `{event}` |" for event in SENTENCES]),
        ("command-line", [f"## `paddock {verb}`" for verbs in GROUPS.values() for verb in verbs]),
        ("http-api", [f"`{endpoint.method} {endpoint.path.replace(':path', '')}`" for endpoint in ENDPOINTS]),
        ("states", [f"| `{state}` |" for state in (*states.JobState, *states.ChangeState, *states.AttemptState)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_everything_stands_on_its_page(page: str, names: Iterable[str]) -> None:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    assert [name for name in names if name not in text] == []


def test_every_error_stands_on_its_page(generator: ModuleType) -> None:
    text = (PAGES / "errors.md").read_text(encoding="utf-8")
    assert [error.__name__ for error in generator.error_classes() if f"| `{error.code}` |" not in text] == []


def test_every_event_that_is_written_has_a_sentence() -> None:
    written: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        written |= set(re.findall(r"(?:journal|note)\(\s*\"([a-z_]+\.[a-z_]+)\"", path.read_text(encoding="utf-8")))
    made = {f"{what}.{state}" for what, of in _STATED.items() for state in of}
    assert written and (written | made) - set(SENTENCES) == set()


# Events whose names are made of states.
_STATED: Mapping[str, set[str]] = {
    "attempt": {*states.AttemptState} - {states.AttemptState.LIVE},
    "job": {*states.JobState},
    "change": {*states.ChangeState} - {states.ChangeState.OPEN},
}
