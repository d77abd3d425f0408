"""Keeping secrets out of what runs print: exact values in their usual disguises, and what looks like a token.

A secret is covered with as many asterisks as it has bytes, so that offsets stay what they are and a second pass, which
finds nothing, changes nothing.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

# Shorter values stand everywhere by chance.
SHORTEST = 8
# Bytes around a cut that belong to no token; a private key in PEM is the longest.
MARGIN = 8 << 10
# What a token holds for sure → the whole of it. Only data with the first is searched for the second, which is slower.
_TOKENS: Mapping[tuple[bytes, ...], "re.Pattern[bytes]"] = {
    (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"): re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{30,255}"),
    (b"github_pat_",): re.compile(rb"\bgithub_pat_[A-Za-z0-9_]{22,255}"),
    (b"glpat-",): re.compile(rb"\bglpat-[A-Za-z0-9_-]{20,255}"),
    (b"AKIA", b"ASIA"): re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    (b"AIza",): re.compile(rb"\bAIza[0-9A-Za-z_-]{35}"),
    (b"xox",): re.compile(rb"\bxox[abeoprs]-[A-Za-z0-9-]{10,255}"),
    (b"sk-",): re.compile(rb"\bsk-[A-Za-z0-9_-]{20,255}"),
    (b"k_live_",): re.compile(rb"\b[rs]k_live_[A-Za-z0-9]{16,255}"),
    (b"npm_",): re.compile(rb"\bnpm_[A-Za-z0-9]{36}"),
    (b"pypi-",): re.compile(rb"\bpypi-[A-Za-z0-9_-]{50,512}"),
    (b"act_",): re.compile(rb"\bact_[A-Za-z0-9_-]{20,255}"),
    (b"eyJ",): re.compile(rb"\beyJ[A-Za-z0-9_-]{10,1024}\.[A-Za-z0-9_-]{10,2048}\.[A-Za-z0-9_-]{10,1024}"),
    (b"://",): re.compile(rb"(?<=://)[^\s/:@]{0,128}:[^\s/@]{3,255}(?=@)"),
    (b"PRIVATE KEY-----",): re.compile(
        rb"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[\s\S]{0,7000}?-----END [A-Z ]{0,32}PRIVATE KEY-----"
    ),
}
_BEARER = re.compile(rb"(?i)(authorization['\"]?\s*[:=]\s*['\"]?(?:bearer|basic|token)\s+)([^\s'\",]{8,2048})")
# At an end: a word that may go on, a header that may, and a key that has begun. Words of other signs alone are let go,
# so that a row of dots is seen as it grows.
_LETTER = re.compile(rb"[A-Za-z-]")
_OPEN_FIELD = re.compile(rb"(?i)authorization[^\r\n]{0,40}\Z")
_OPEN_KEY = re.compile(
    rb"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----(?![\s\S]*-----END [A-Z ]{0,32}PRIVATE KEY-----)"
    rb"|-----B?E?G?I?N?[A-Z ]{0,44}-{0,5}\Z"
)


def forms(secret: bytes) -> set[bytes]:
    """A secret as it may be printed: plain, as JSON, in a URL, and in Base64 wherever it stands in a longer text."""
    text = secret.decode("utf-8", "surrogateescape")
    out = {secret, quote(text, safe="").encode(), quote(text).encode()}
    out.add(json.dumps(text)[1:-1].encode())
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + secret).rstrip(b"=")
        cut = whole[(0, 2, 3)[shift] : len(whole) - (1 if (len(secret) + shift) % 3 else 0)]
        out |= {cut, cut.replace(b"+", b"-").replace(b"/", b"_")}
    return {form for form in out if len(form) >= SHORTEST}


class Redactor:
    """Covers secrets in a stream; what might be the beginning of one is held back until it is known."""

    def __init__(self, secrets: Iterable[str] = (), *, tokens: bool = True) -> None:
        """`tokens`: whether what only looks like a secret is covered too."""
        self._tokens = _TOKENS if tokens else {}
        known = {form for secret in secrets if len(secret) >= SHORTEST for form in forms(secret.encode())}
        self._exact: Sequence[bytes] = sorted(known, key=len, reverse=True)
        self._margin = max([MARGIN, *map(len, self._exact[:1])])
        self._held = b""

    def cover(self, data: bytes) -> bytes:
        """Whole data with its secrets covered; as long as it was."""
        return _covered(data, self._spans(data))

    def feed(self, data: bytes) -> bytes:
        """What may go on of all that came so far."""
        whole = self._held + data
        spans = self._spans(whole)
        cut = max(self._cut(whole), len(whole) - self._margin)
        cut = min([cut, *(start for start, end in spans if start < cut < end)])
        self._held = whole[cut:]
        return _covered(whole, spans)[:cut]

    def end(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        return self.cover(held)

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets stand, from and to."""
        out: list[tuple[int, int]] = []
        for needles, token in self._tokens.items():
            if any(needle in data for needle in needles):
                out += [found.span() for found in token.finditer(data)]
        if self._tokens and (b"uthorization" in data or b"UTHORIZATION" in data):
            out += [found.span(2) for found in _BEARER.finditer(data)]
        for secret in self._exact:
            at = data.find(secret)
            while at >= 0:
                out.append((at, at + len(secret)))
                at = data.find(secret, at + 1)
        return out

    def _cut(self, data: bytes) -> int:
        """Up to where no secret can have begun that has not ended."""
        cut = self._open_token(data) if self._tokens else len(data)
        for secret in self._exact:
            for length in range(min(len(secret) - 1, len(data)), 0, -1):
                if data.endswith(secret[:length]):
                    cut = min(cut, len(data) - length)
                    break
        return cut

    def _open_token(self, data: bytes) -> int:
        """Up to where nothing can have begun that may look like a secret once it has ended."""
        begin = 1 + max(data.rfind(blank) for blank in (b" ", b"\n", b"\t", b"\r"))
        cut = begin if _LETTER.search(data, begin) else len(data)
        field = _OPEN_FIELD.search(data, max(0, len(data) - 80))
        key = _OPEN_KEY.search(data) if b"-----" in data else None
        return min([cut, *(mark.start() for mark in (field, key) if mark)])


def _covered(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    out = bytearray(data)
    for start, end in spans:
        out[start:end] = b"*" * (end - start)
    return bytes(out)


def redact(data: bytes, secrets: Iterable[str] = ()) -> bytes:
    """Whole data with its secrets covered."""
    return Redactor(secrets).cover(data)
