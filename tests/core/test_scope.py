"""Scopes: patterns that cannot be read two ways, paths that are always denied, rules for commands."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.errors import BadInput
from paddock.core.scope import check_pattern, check_rule, command_allowed, matches, outside

HOSTILE = [
    "",
    "/etc/passwd",
    "../up",
    "a/../b",
    "./a",
    "a//b",
    "a/",
    "a\\b",
    "a\0b",
    "[ab]",
    "{a,b}",
    "!a",
    "a**",
    "**b/c",
    "a/***",
    unicodedata.normalize("NFD", "é.txt"),
    "x" * 513,
    "/".join(["a"] * 33),
]


@pytest.mark.parametrize("pattern", HOSTILE)
def test_a_pattern_that_could_mean_two_things_is_refused(pattern: str) -> None:
    with pytest.raises(BadInput, match=r"scope\.files\.write"):
        check_pattern(pattern, "scope.files.write")


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("**", "a", True),
        ("**", "a/b/c", True),
        ("src/**", "src/a/b.py", True),
        ("src/**", "src", False),
        ("src/**", "srcx/a", False),
        ("**/a.py", "a.py", True),
        ("**/a.py", "x/y/a.py", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("*.py", "a.py", True),
        ("*.py", "d/a.py", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a.c", "abc", False),
        ("docs/*.md", "docs/new\nline.md", True),
        ("src/*", "SRC/a", False),
        ("a+b(c)", "a+b(c)", True),
    ],
)
def test_patterns(pattern: str, path: str, fits: bool) -> None:
    check_pattern(pattern, "here")
    assert matches(pattern, path) is fits


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".GIT/hooks/pre-commit",
        "deep/.git/HEAD",
        "sub/.git",
        ".github/workflows/ci.yml",
        ".GitHub/Workflows/x.yml",
        ".gitmodules",
        "a/.gitattributes",
        ".claude/settings.json",
        ".vscode/tasks.json",
    ],
)
def test_what_later_runs_would_obey_is_denied_whatever_the_scope_says(path: str) -> None:
    assert outside([path], ["**", path]) == [path]


def test_outside_keeps_the_paths_that_no_pattern_takes() -> None:
    assert outside(["src/a.py", "README.md", "src/b/c.py"], ["src/**"]) == ["README.md"]
    assert outside(["a"], []) == ["a"]


segments = st.text(
    st.characters(blacklist_characters="/*?\\[]{}!\0", blacklist_categories=["Cs"]), min_size=1, max_size=8
)


@given(st.lists(segments.filter(lambda s: s not in (".", "..")), min_size=1, max_size=6))
def test_a_path_without_wildcards_matches_itself_alone(parts: list[str]) -> None:
    path = "/".join(parts)
    assert matches(path, path) and not matches(path, path + "x") and not matches(path, "x/" + path)
    assert matches("**", path)


@pytest.mark.parametrize(
    "rule", [[], [""], ["/bin/sh"], ["./run"], ["-rf"], ["git", "***", "x"], ["git", "**", "***"], ["a/b", "***"]]
)
def test_a_rule_without_a_plain_program_is_refused(rule: list[str]) -> None:
    with pytest.raises(BadInput):
        check_rule(rule, "scope.commands")


@pytest.mark.parametrize(
    ("rule", "argv", "fits"),
    [
        (["ruff", "***"], ["ruff", "check", "--fix"], True),
        (["ruff", "***"], ["ruff"], True),
        (["ruff", "**"], ["ruff", "a", "b"], True),
        (["ruff", "**"], ["ruff", "a", "--fix"], False),
        (["git", "status|log"], ["git", "log"], True),
        (["git", "status|log"], ["git", "push"], False),
        (["git", "status"], ["git", "-c", "core.pager=x", "status"], False),
        (["git", "status"], ["git", "status", "; rm -rf /"], False),
        (["git", "show", "*"], ["git", "show", "--ext-diff"], False),
        (["git", "show", "*"], ["git", "show", "HEAD"], True),
        (["t", "--level=*"], ["t", "--level=3"], True),
        (["t", "--level=*"], ["t", "--level"], False),
        (["git", "***"], ["git", "-c", "core.fsmonitor=x", "status"], False),
        (["git", "***"], ["git", "fetch", "--upload-pack=x"], False),
        (["git", "-c", "a=b", "status"], ["git", "-c", "a=b", "status"], True),
        (["find", "***"], ["find", ".", "-exec", "sh", ";"], False),
        (["rg", "***"], ["rg", "--pre", "sh", "x"], False),
        (["rg", "***"], ["rg", "--pre=sh", "x"], False),
        (["tar", "***"], ["tar", "-xf", "a", "--to-command=sh"], False),
        (["python3", "*"], ["python3", "-c"], False),
        (["ls", "*"], ["ls", "--upload-pack=x"], False),
        (["ls", "a"], ["ls", "a\nb"], False),
        (["ls"], ["ls;id"], False),
        (["ruff"], ["./ruff"], False),
        (["ruff"], ["ruff "], False),
        (["ruff"], [], False),
    ],
)
def test_command_rules(rule: list[str], argv: list[str], fits: bool) -> None:
    check_rule(rule, "here")
    assert command_allowed(argv, [rule]) is fits


def test_no_rules_allow_nothing() -> None:
    assert not command_allowed(["ls"], [])
