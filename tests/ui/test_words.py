"""The journal in words, and the diff in lines: what needs no browser."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.core.states import AttemptState, ChangeState, JobState
from paddock.web import page_colour, page_diff, render, svg
from paddock.web.page_words import SENTENCES, sentence

SRC = Path(__file__).parents[2] / "src" / "paddock"
FORMS = {
    "attempt.": {state.value for state in AttemptState} - {AttemptState.LIVE},
    "job.": {state.value for state in JobState},
    "change.": {"approve", "reject", *(state.value for state in ChangeState if state is not ChangeState.OPEN)},
}


def written_types() -> Iterator[str]:
    """The types of event that the store and the control plane write, as their source says."""
    for path in [*(SRC / "store").rglob("*.py"), *(SRC / "control").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="journal" | "note"), args=[first, *_]):
                    yield from texts(first)


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        prefix = ast.literal_eval(node.values[0])
        yield from (prefix + word for word in FORMS[prefix])


def test_every_event_has_a_sentence() -> None:
    assert set(written_types()) - set(SENTENCES) == set()


def test_sentences_stay_whole_when_fields_are_missing_or_hostile() -> None:
    event = {"type": "job.failed", "job": "j1", "agent": None, "data": {"reason": "{by} {0} <b>"}}
    assert sentence(event, {"j1": "BUG-01"}) == "BUG-01 failed, {by} {0} <b>"
    for kind in [*SENTENCES, "some.{thing}"]:
        assert sentence({"type": kind, "job": None, "agent": None, "data": {}}, {})


def test_content_that_looks_like_a_header_stays_content() -> None:
    text = (
        "diff --git a/a b/a.txt b/a b/a.txt\n--- a/a b/a.txt\n+++ b/a b/a.txt\n@@ -1,2 +1,2 @@\n"
        "--- a/other\n+++ b/other\n diff --git a/x b/x\ndiff --git a/y b/y\nrename to y\n"
    )
    first, second = page_diff.parse(text).files
    assert (first.path, first.added, first.removed) == ("a b/a.txt", 1, 1)
    assert [line.kind for line in first.lines] == ["hunk", "del", "add", "ctx"]
    assert (second.path, [(line.kind, line.text) for line in second.lines]) == ("y", [("note", "rename to y")])


@pytest.mark.parametrize("line", ["+", "+" + "1 " * 150, "+" + '"' * 90, "+" + "\u202e" * 90, "+" + "x" * 9_000])
def test_a_diff_never_outgrows_its_page(line: str) -> None:
    head = "diff --git a/a.py b/a.py\n@@ -0,0 +1,9999 @@\n"
    diff = page_diff.parse(head + f"{line}\n" * 9_999)
    assert diff.cut
    data = {"diff": {"files": diff.files, "cut": True, "address": "/"}, "twin": ""}
    macro = render._pages.from_string('{% import "_parts.html" as parts with context %}{{ parts.show_diff(diff) }}')
    assert 20_000 < len(macro.render(data)) < 80_000


def test_findings_stand_at_their_lines_and_open_what_is_folded() -> None:
    text = "diff --git a/a.py b/a.py\n@@ -1,2 +5,200 @@\n ctx\n-old\n" + "+x = 1  # why\n" * 199
    found = [
        {"path": "a.py", "line": line, "state": state} for line, state in ((7, "open"), (8, "fixed"), (999, "open"))
    ]
    [file] = page_diff.parse(text, found).files
    assert ([line.number for line in file.lines[:5]], file.folded) == ([0, 5, 0, 6, 7], False)
    assert ([len(line.findings) for line in file.lines[3:6]], len(file.findings)) == ([0, 1, 0], 1)
    assert file.lines[4].parts == [("", "+"), ("", "x = "), ("n", "1"), ("", "  "), ("c", "# why")]
    [file] = page_diff.parse(text.replace("a.py", "a.unknown")).files
    assert (file.folded, file.lines[4].parts) == (True, [("", "+"), ("", "x = 1  # why")])


@pytest.mark.parametrize("path", ["a.py", "a.ts", "a.sql", "a.yaml", "a.json", "a.sh", "Makefile"])
def test_coloured_parts_are_the_line(path: str) -> None:
    for line in ("", "'", 'def f(): return "a\\"b" # 1', "/* a */ let x = `b`; // c", "select 1 -- \u202e", " * doc"):
        assert "".join(text for _, text in page_colour.parts(path, line)) == line


def test_marks_and_spans() -> None:
    assert render.visible("a\tb\nc\r\x1b\u202e\udc80") == "a\tb\nc␍␛⟨U+202E⟩⟨U+DC80⟩"
    assert render.plain_log("\x1b[1;31mred\x1b[0m\r\nnext\rover\x1b]0;title\x07\n") == "red\nnext\nover\n"
    assert [render.span(ms) for ms in (-5, 900, 42_000, 61_000, 120_000, 3_700_000, 200_000_000)] == [
        "0.0 s", "0.9 s", "42 s", "1 min 1 s", "2 min", "1 h 1 min", "2 d",
    ]  # fmt: skip
    assert render.link("/jobs", "../x?y#z", state="a&b", none=None) == "/jobs/..%2Fx%3Fy%23z?state=a%26b"


def test_drawings_hold_whatever_the_clock_says() -> None:
    attempt = {"epoch": 1, "state": "done", "claimed": 5_000, "started": 9_000, "ended": 1_000}
    assert "width" in svg.attempt(attempt, 2_000, 2_000, 3_000)
    assert "of 0 slots" in svg.slots(0, 0)
    assert svg.stack({}) == ""
    assert svg.extent([], 7, 9) == (7, 8)
