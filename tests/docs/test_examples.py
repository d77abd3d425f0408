"""Batches in the documents are batches: they parse and settle, in each format."""

import re
from pathlib import Path

import pytest

from paddock.cli import batch_formats
from paddock.core.job import parse_batch, settle

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(yaml|json|toon)\n(.*?)^```", re.DOTALL | re.MULTILINE)
BATCHES = [
    pytest.param(form, text, id=f"{path.stem}-{number}")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    for number, (form, text) in enumerate(BLOCK.findall(path.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize(("form", "text"), BATCHES)
def test_a_batch_in_the_documents_settles(form: str, text: str) -> None:
    body, _ = batch_formats.decode(text, form, form)
    assert settle(parse_batch(body))


def test_the_formats_are_all_shown() -> None:
    assert {param.values[0] for param in BATCHES} >= {"yaml", "toon"}
