"""What secrets look like in a line of text, as far as a form alone can tell."""

import math
import re
from collections import Counter
from collections.abc import Iterator

from paddock.core.findings import Severity

# rule → what it looks like, and what to call it. Each form is one that no other text of that length has by chance.
_FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    "private-key": (re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"), "a private key"),
    "aws-key": (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "an access key of AWS"),
    "github-token": (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,})"), "a token of GitHub"),
    "gitlab-token": (re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}"), "a token of GitLab"),
    "slack-token": (re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"), "a token of Slack"),
    "google-key": (re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"), "a key of Google's"),
    "stripe-key": (re.compile(r"\b[rs]k_live_[0-9a-zA-Z]{20,}"), "a live key of Stripe"),
    "model-key": (re.compile(r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}"), "a key of a model's provider"),
    "jwt": (re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"), "a signed web token"),
    "url-password": (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@{$<]+:[^\s:/@{$<]{6,}@"), "a password in an address"),
}
_NAMED = re.compile(
    r"(?i)(?:passw(?:or)?d|secret|api[_-]?key|access[_-]?key|auth[_-]?token|token)['\"]?\s*[:=]\s*['\"]([^'\"\s]{12,})['\"]"
)
# Bits per character above which a text is rather drawn by chance than written.
_CHANCE_BITS = 3.5
_PLACEHOLDER = re.compile(r"(?i)example|placeholder|change.?me|your|dummy|xxxx|\$\{|\{\{|<")
MOST_CHARS = 4_000


def secrets_in(line: str) -> Iterator[tuple[str, str, str, Severity]]:
    """What in the line looks like a secret: its rule, what to call it, the text itself, and how bad it is.

    Only the first 4,000 characters are looked at.
    """
    line = line[:MOST_CHARS]
    hit = False
    for rule, (form, what) in _FORMS.items():
        for found in form.finditer(line):
            hit = True
            yield rule, what, found[0], Severity.CRITICAL
    if hit:
        return
    for found in _NAMED.finditer(line):
        if bits(found[1]) >= _CHANCE_BITS and not _PLACEHOLDER.search(found[1]):
            yield "named-secret", "a secret by its name and form", found[1], Severity.HIGH


def bits(text: str) -> float:
    """Shannon's entropy of the text's characters, in bits for each."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values()) if text else 0.0
