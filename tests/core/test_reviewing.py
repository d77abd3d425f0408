"""Findings known again, rounds that end, rules that are checked, and what secrets look like."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.errors import BadInput
from paddock.core.findings import MOST, FindingState, Severity, Told, decode, fingerprint, fingerprints, merge
from paddock.core.reviewing import Progress, Rules, fixer_of, missing_owners, parse, standing_in_the_way, stop
from paddock.core.secret_forms import bits, secrets_in

FOUND = Told(reviewer="ruff", rule="F401", path="a.py", line=3, context="import os")
DUE: dict[str, Any] = {"rounds": 0, "barren": 0, "filed": 0, "seconds": 0, "blocking": 2, "mendable": 2}


def told(**more: Any) -> Told:
    return Told(**{name: getattr(FOUND, name) for name in FOUND.__struct_fields__} | more)


def test_a_finding_is_known_by_what_stands_there_and_not_by_its_line() -> None:
    assert fingerprint(FOUND) == fingerprint(told(line=99, message="other words", severity=Severity.HIGH))
    assert fingerprint(FOUND) == fingerprint(told(context="  import   os\t"))
    others = [told(path="b.py"), told(rule="F402"), told(reviewer="lens"), told(context="import sys")]
    assert len({fingerprint(FOUND), *map(fingerprint, others)}) == 5


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=12))
def test_no_two_findings_of_a_review_are_one(contexts: list[str]) -> None:
    found = [told(context=text) for text in contexts]
    prints = fingerprints(found)
    assert len(set(prints)) == len(found)
    # One that goes leaves the others what they are.
    assert set(fingerprints(found[:-1])) <= set(prints)


def test_a_review_is_joined_with_what_was_known() -> None:
    known = {"a": FindingState.OPEN, "b": FindingState.OPEN, "c": FindingState.FIXED, "d": FindingState.DISMISSED}
    joined = merge(known, ["a", "c", "d", "e"], whole=True)
    assert (joined.new, joined.still, joined.fixed, joined.back) == (("e",), ("a", "d"), ("b",), ("c",))
    assert merge(known, ["a"], whole=False).fixed == ()


def test_what_is_no_finding_is_counted_and_the_worst_are_kept() -> None:
    raw: list[object] = [{"reviewer": "x", "rule": f"r{n}", "severity": "low"} for n in range(MOST)]
    found, more = decode([*raw, {"reviewer": "x", "rule": "worst", "severity": "critical"}, {"rule": 1}, 7])
    assert (found[0].rule, len(found), more) == ("worst", MOST, 3)
    assert decode("nonsense") == ([], 0)


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ({}, ""),
        ({"blocking": 0}, "clean"),
        ({"blocking": 0, "skipped": ("ruff",)}, "unreviewed"),
        ({"rounds": 3}, "rounds"),
        ({"barren": 2}, "stagnation"),
        ({"filed": 30}, "findings"),
        ({"seconds": 7_200}, "spend"),
        ({"mendable": 0}, "fixers"),
        ({"rounds": 99, "blocking": 0}, "clean"),
    ],
)
def test_mending_ends_for_a_reason(at: dict[str, Any], why: str) -> None:
    assert stop(Rules(), Progress(**{**DUE, **at})).partition(":")[0] == why


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"reviewer": []}, "unknown field"),
        ({"reviewers": ["nobody"]}, "there is no 'nobody'"),
        ({"reviewers": ["ruff", "ruff"]}, "stands twice"),
        ({"forbidden": ["/etc/passwd"]}, "not relative"),
        ({"owners": [{"paths": [], "people": ["ann"]}]}, "length"),
        ({"fixers": [{"argv": ["x"], "requires": ["Not One"]}]}, "no capability"),
        ({"fixers": [{"argv": ["x"], "hosts": ["http://x"]}]}, "host"),
        ({"gate": "worst"}, "gate"),
        ([], "object"),
    ],
)
def test_rules_that_cannot_be_are_refused_in_words(raw: object, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        parse(raw)


def test_the_first_fixer_that_takes_a_finding_gets_it() -> None:
    rules = parse({"fixers": [{"argv": ["a"], "findings": ["ruff/F*"]}, {"argv": ["b"], "findings": ["ruff/*"]}]})
    assert [fixer_of(rules, name) for name in ("ruff/F401", "ruff/E501", "secrets/jwt")] == [0, 1, None]


def test_owners_are_asked_for_what_is_theirs() -> None:
    rules = parse(
        {"owners": [{"paths": ["src/**"], "people": ["ann", "bob"]}, {"paths": ["docs/**"], "people": ["zoe"]}]}
    )
    assert missing_owners(rules, ["src/a.py"], [], whole=True) == ["src/a.py needs the approval of ann or bob"]
    assert missing_owners(rules, ["src/a.py"], ["bob"], whole=True) == []
    assert len(missing_owners(rules, ["src/a.py"], ["bob"], whole=False)) == 1


def test_what_stands_in_the_way_is_said() -> None:
    assert standing_in_the_way("a" * 40, False, (), 0, "") == ["the review of aaaaaaaaaaaa has not ended"]
    assert standing_in_the_way("a" * 40, True, ["bandit"], 2, "rounds") == [
        "the reviewer bandit did not run",
        "2 findings are open (rounds)",
    ]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("key = 'AKIA" + "IOSFODNN7ABCDEFG'", "aws-key"),
        ("ghp_" + "a1" * 18, "github-token"),
        ("-----BEGIN OPENSSH " + "PRIVATE KEY-----", "private-key"),
        ("postgres://me:s3cr3tpass" + "@db/x", "url-password"),
        ("password = '" + "q8Zr2Lw9Xk4Tn7Vb'", "named-secret"),
    ],
)
def test_secrets_are_known_by_their_form(line: str, rule: str) -> None:
    assert [found[0] for found in secrets_in(line)] == [rule]


@pytest.mark.parametrize(
    "line",
    [
        "password = os.environ['PASSWORD']",
        "token = 'your-token-goes-here-please'",
        "secret = 'aaaaaaaaaaaaaaaa'",
        "api_key: '${API_KEY_FROM_VAULT}'",
        "https://example.org/a:b@c",
        "The password is 'correct horse'",
    ],
)
def test_what_only_speaks_of_secrets_is_none(line: str) -> None:
    assert list(secrets_in(line)) == []


def test_chance_has_more_bits_than_a_word() -> None:
    assert bits("") == 0 and bits("aaaa") == 0 and bits("abcd") == 2
