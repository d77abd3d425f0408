"""A link in the documents leads to a file that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def targets(text: str) -> list[str]:
    """The files that a document links to; addresses and anchors within the page are left out."""
    links = [found.split("#")[0] for found in LINK.findall(CODE.sub("", text))]
    return [link for link in links if link and not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = [link for link in targets(document.read_text(encoding="utf-8")) if not (document.parent / link).exists()]
    assert broken == []


def test_the_reader_of_links_reads_links() -> None:
    text = 'see [a](docs/a.md#top), ![b](<b.svg>), [c](c.md "C"), [d](https://example.org), [e](#e) and `[f](f.md)`'
    assert targets(text) == ["docs/a.md", "b.svg", "c.md"]
