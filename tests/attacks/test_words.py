"""Words that are meant to do something: to a filter, a template, a log, a terminal, a matcher. They stay words."""

import json
import logging
import resource
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.agent.main import JsonLines
from paddock.cli import out
from paddock.core.scope import matches
from support.middle import Middle

WORDS = (
    "' OR 1=1 --",
    '"; DROP TABLE jobs; --',
    "%' UNION SELECT public_key FROM agents --",
    "{{7*7}}${7*7}<%= 7*7 %>#{7*7}",
    "{0.__class__.__mro__}",
    "../../../../etc/passwd",
    "%00",
    "\r\nSet-Cookie: a=b",
    "a" * 5_000,
    "*" * 200,
)
PLACES = (
    "/v1/jobs?batch={}",
    "/v1/jobs?state={}",
    "/v1/jobs?label={}&project={}",
    "/v1/jobs/{}",
    "/v1/jobs/{}/log?stream={}",
    "/v1/agents/{}/card",
    "/v1/changes/{}/diff",
    "/v1/registry?label={}",
    "/v1/anomalies?state={}",
    "/v1/journal?job={}",
    "/jobs/{}",
)


@pytest.mark.parametrize("place", PLACES)
def test_a_filter_takes_words_and_nothing_else(middle: Middle, place: str) -> None:
    fleet = middle.fleet
    job = fleet.submit({"id": "bystander", "kind": "noop", "payload": {}, "requires": ["nobody"]})["bystander"]
    for words in WORDS:
        quoted = urllib.parse.quote(words, safe="")
        try:
            with urllib.request.urlopen(fleet.url + place.replace("{}", quoted), timeout=30) as answer:
                status, body = answer.status, answer.read()
                assert "set-cookie" not in answer.headers
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        assert status < 500 and b"Traceback" not in body, (place, words, body[:300])
        assert job.encode() not in body, (place, words)
    assert fleet.job(job)["state"] == "ready"
    fleet.api.post(f"/v1/jobs/{job}/cancel", {})


@pytest.mark.parametrize(
    "words", ['x\n{"level":"info","action":"job.done"}', "x\r\n\tfaked", "\x1b[2J\x1b]0;owned\x07", "\u202e"]
)
def test_a_line_of_a_log_stays_one_line_and_steers_nothing(words: str) -> None:
    record = logging.LogRecord("paddock.agent", logging.WARNING, "x", 1, "%s", (words,), None)
    record.action = "job.refused"
    line = JsonLines().format(record)
    assert "\n" not in line and "\r" not in line and "\x1b" not in line
    assert json.loads(line)["message"] == words and json.loads(line)["action"] == "job.refused"
    shown = out.plain(words)
    assert not any(ord(c) < 32 or c in "\x7f\u202e" for c in shown)


def reference(pattern: list[str], path: list[str]) -> bool:
    """What a pattern means, without a thought for how long it takes."""
    if not pattern:
        return not path
    head, *rest = pattern
    if head == "**":
        return bool(path) if not rest else any(reference(rest, path[at:]) for at in range(len(path) + 1))
    return bool(path) and part(head, path[0]) and reference(rest, path[1:])


def part(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(part(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and part(pattern[1:], text[1:])


SEGMENT = st.sampled_from(["**", "*", "a", "b", "a*", "*b", "a*b", "?", "*a*b*", "?*b", "*a?"])
NAME = st.text("ab", min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(st.lists(SEGMENT, min_size=1, max_size=5), st.lists(NAME, min_size=1, max_size=5))
def test_patterns_mean_what_they_meant(pattern: list[str], path: list[str]) -> None:
    assert matches("/".join(pattern), "/".join(path)) == reference(pattern, path)


EVIL = """
from paddock.core.scope import matches
assert not matches("*a" * 200 + "b", "a" * 4_000)
assert not matches("/".join(["**", "a"] * 15 + ["b"]), "/".join(["a"] * 2_000))
assert not matches("/".join(["**", "*a*a*"] * 15 + ["b"]), "/".join(["aaaaaaaa"] * 400))
assert matches("*a" * 200, "a" * 4_000)
"""


def test_no_pattern_keeps_a_processor_busy() -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    found = subprocess.run([sys.executable, "-c", EVIL], preexec_fn=limited, capture_output=True, check=False)
    assert (found.returncode, found.stderr) == (0, b"")
