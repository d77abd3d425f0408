"""Secrets in what runs print: covered wherever the output is cut, in every disguise, at their own length."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.core.redaction import Redactor, redact

SECRET = 'p@ss "word" of/the+shop'
GITHUB = "ghp_" + "a1B2" * 9
JWT = ".".join(["eyJ" + "hbGciOi" * 3, "eyJzdWIiOiIx" * 2, "s1gn4tur3-_" * 3])
KEY = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0B\n" * 20 + "-----END PRIVATE KEY-----"
TOKENS = [
    GITHUB,
    JWT,
    KEY,
    "AKIA" + "ABCDEFGH12345678",
    "glpat-" + "x9Y8z7" * 4,
    "sk-ant-api03-" + "Ab3_" * 10,
    "npm_" + "a1b2c3" * 6,
    "xoxb-1234567890-abcdefghij",
    "act_" + "q7w8e9" * 5,
]


@pytest.mark.parametrize("token", TOKENS, ids=[token[:10] for token in TOKENS])
def test_what_looks_like_a_token_is_covered_at_its_length(token: str) -> None:
    line = f"the token is {token} and goes on\n"
    covered = redact(line.encode()).decode()
    assert covered == line.replace(token, "*" * len(token))
    assert redact(covered.encode()).decode() == covered


def test_headers_and_addresses() -> None:
    assert redact(b"Authorization: Bearer abcdefgh12345\n") == b"Authorization: Bearer *************\n"
    assert b"hunter22" not in redact(b"git clone https://ann:hunter22@git.example.org/x\n")


@pytest.mark.parametrize(
    "disguise",
    [
        SECRET,
        json.dumps(SECRET),
        quote(SECRET, safe=""),
        *(base64.b64encode(b"x" * n + SECRET.encode() + b"tail").decode() for n in range(3)),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_known_secret_is_found_in_its_disguises(disguise: str) -> None:
    covered = redact(f"<{disguise}>".encode(), [SECRET])
    assert covered.count(b"*") >= len(SECRET) and len(covered) == len(disguise) + 2


def test_plain_output_is_left_alone_and_flows() -> None:
    plain = b"src/app.py:12: error in sk-learn, task-1, eyJust, act_now\n100%|####| ......"
    redactor = Redactor([SECRET])
    assert redactor.feed(plain) + redactor.end() == plain
    assert Redactor([SECRET]).feed(b"line\n....") == b"line\n...."


text = st.lists(st.sampled_from([*TOKENS, SECRET, "word", " ", "\n", "....", "-----", "p@ss", "Authorization: "]))


@settings(max_examples=300, deadline=None)
@given(text, st.lists(st.integers(1, 40), max_size=60))
def test_wherever_the_output_is_cut_nothing_gets_through(parts: list[str], cuts: list[int]) -> None:
    whole = " ".join(parts).encode()
    redactor, out, at = Redactor([SECRET]), b"", 0
    for size in cuts:
        out += redactor.feed(whole[at : at + size])
        at += size
    out += redactor.feed(whole[at:]) + redactor.end()
    assert len(out) == len(whole)
    for secret in (*TOKENS, SECRET):
        assert secret.encode() not in out
    assert out == redact(whole, [SECRET])


def test_a_word_that_never_ends_is_not_held_for_ever() -> None:
    redactor = Redactor()
    out = b"".join(redactor.feed(b"x" * 4_000) for _ in range(20))
    assert len(out) >= 60_000
