"""TOON, behind the one function: what is written reads back the same, and what the format promises holds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.gitnative import edit, toon
from paddock.gitnative.errors import TaskInvalid

_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
_plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _texts
_values = st.recursive(_plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_texts, _values, min_size=1, max_size=4))
def test_what_is_written_reads_back_the_same(value: dict[str, object]) -> None:
    assert toon.loads(toon.dumps(value), "x").value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: true\nc: null\nd: x y\n", {"a": 1, "b": True, "c": None, "d": "x y"}),
        ('a: "1"\nb: "true"\nc: "x: y"\n', {"a": "1", "b": "true", "c": "x: y"}),
        ("a[3]: 1,2,3\nb[0]:\n", {"a": [1, 2, 3], "b": []}),
        ("a[2]{id,name}:\n  1,Ada\n  2,Bob\n", {"a": [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bob"}]}),
        ("a[2]:\n  - x\n  - b: 1\n    c: 2\n", {"a": ["x", {"b": 1, "c": 2}]}),
        ("a:\n  b:\n    c: 1\n", {"a": {"b": {"c": 1}}}),
        ("a[2|]: x,y|z\n", {"a": ["x,y", "z"]}),
    ],
)
def test_the_forms_of_the_format_are_read(text: str, value: object) -> None:
    assert toon.loads(text, "x").value == value


@pytest.mark.parametrize("text", ["a[2]: 1\n", "a: 1\na: 2\n", "a[1]{id,name}:\n  1\n", 'a: "open\n', "a:\n    b: 1\n"])
def test_what_breaks_its_own_promise_is_refused_with_the_line(text: str) -> None:
    with pytest.raises(TaskInvalid, match=r"^x:\d+: "):
        toon.loads(text, "x")


@settings(max_examples=60, deadline=None)
@given(_texts, st.sampled_from(["  ", " "]))
def test_a_section_that_is_added_says_what_was_given_and_changes_nothing_else(said: str, pad: str) -> None:
    text = f"task:\n{pad}id: TASK-001\n{pad}status: ready\n"
    made = edit.with_section(edit.with_status(text, "claimed"), "claim", {"claimed_by": f"x{said}x", "epoch": 3})
    value = toon.loads(made, "x").value
    assert value == {"task": {"id": "TASK-001", "status": "claimed"}, "claim": {"claimed_by": f"x{said}x", "epoch": 3}}
    again = edit.with_section(made, "claim", {"claimed_by": "y"})
    assert toon.loads(again, "x").value["claim"] == {"claimed_by": "y"}
    assert toon.loads(edit.without_section(made, "claim"), "x").value == {
        "task": {"id": "TASK-001", "status": "claimed"}
    }


def test_comments_are_part_of_the_section_around_them() -> None:
    text = "# on top\ntask:\n# outdented\n  id: TASK-001\n  status: ready\nrows[2]{a}:\n  # one\n  1\n  2\nlast: x\n"
    document = toon.loads(text, "x")
    assert [document.line("task", "status"), document.line("rows", 1), document.line("last")] == [5, 9, 10]
    changed = edit.with_status(text, "claimed")
    assert changed == text.replace("status: ready", "status: claimed")
    assert edit.without_section(changed, "task") == f"# on top\n{text[text.index('rows') :]}"
