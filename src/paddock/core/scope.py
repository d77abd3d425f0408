"""What a job may touch: patterns for files, rules for commands, and whether a thing stands inside them.

Files are held by the box and matched again on the real change set; commands limit what the agent starts, not what a
started interpreter does.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from paddock.core.errors import BadInput
from paddock.core.scope_options import needs_naming

MAX_PATTERN = 512
MAX_SEGMENTS = 32

# Paths that change what later runs or reviewers execute or trust; denied whatever a job says, unless the policy of the
# host lifts one and the job's own scope names what lies under it.
ALWAYS_DENIED = (
    ".git",
    ".git/**",
    "**/.git",
    "**/.git/**",
    ".github/workflows/**",
    ".gitlab-ci.yml",
    ".gitmodules",
    "**/.gitattributes",
    ".vscode/**",
    ".idea/**",
    ".claude/**",
    ".codex/**",
    ".mcp.json",
    "**/.envrc",
    "**/.env*",
    "**/*.pem",
    "**/.bashrc",
    "**/.bash_profile",
    "**/.profile",
    "**/.zshrc",
    "**/.zshenv",
)
# Of these, what no policy lifts: with it a job would write what git itself obeys.
NEVER_LIFTED = (".git", ".git/**", "**/.git", "**/.git/**")
_FORBIDDEN = set("[]{}!\\\0")


@lru_cache(4_096)
def check_pattern(pattern: str, where: str) -> None:
    """Raises: BadInput when a file pattern could be read in two ways."""
    segments = pattern.split("/")
    if not pattern or len(pattern) > MAX_PATTERN or len(segments) > MAX_SEGMENTS:
        raise BadInput(f"{where}: a pattern is empty or too long", hint="patterns look like src/core/**")
    if pattern.startswith("/") or any(part in ("", ".", "..") for part in segments):
        raise BadInput(f"{where}: {pattern!r} is not relative to the worktree", hint="patterns look like src/core/**")
    if _FORBIDDEN & set(pattern) or unicodedata.normalize("NFC", pattern) != pattern:
        raise BadInput(f"{where}: {pattern!r} holds a character that patterns do not take", hint="use *, ? and **")
    if any("**" in part and part != "**" for part in segments):
        raise BadInput(f"{where}: in {pattern!r}, ** must stand alone between slashes")


@lru_cache(maxsize=2048)
def _compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    return re.compile(_expression(pattern.split("/")) + r"\Z", re.IGNORECASE | re.DOTALL if ignore_case else re.DOTALL)


def _expression(segments: Sequence[str]) -> str:
    """A pattern as a regular expression that never tries one way after another for ever.

    What stands between two wildcards is taken where it comes first, and kept: a later place could do no more, for the
    wildcard behind it takes whatever lies between. Only the last wildcard is tried at several lengths.
    """
    runs: list[list[str]] = [[]]
    for part in segments:
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(_segment(part))
    first, *middle = runs
    if not middle:
        return "/".join(first)
    last = middle.pop()
    out = ["".join(f"{part}/" for part in first)]
    out += ["(?>(?:[^/]+/)*?" + "".join(f"{part}/" for part in run) + ")" for run in middle if run]
    return "".join(out) + (_ANYWHERE + "/".join(last) if last else ".+")


def _segment(part: str) -> str:
    first, *rest = ("".join("[^/]" if c == "?" else re.escape(c) for c in text) for text in part.split("*"))
    if not rest:
        return first
    last = rest.pop()
    return first + "".join(f"(?>[^/]*?{text})" for text in rest if text) + "[^/]*" + last


_ANYWHERE = "(?:[^/]+/)*"


def matches(pattern: str, path: str, *, ignore_case: bool = False) -> bool:
    """Whether `path` (relative, `/` between segments) is matched by the whole pattern."""
    return _compiled(pattern, ignore_case).match(path) is not None


def outside(paths: Iterable[str], write: Sequence[str], deny: Sequence[str] = ()) -> list[str]:
    """The paths that may not be written: matched by no write pattern, or denied (in any writing of their letters)."""
    return [path for path in paths if denied(path, (*ALWAYS_DENIED, *deny)) or not allowed(path, write)]


def allowed(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns takes the path, letter by letter."""
    return any(matches(pattern, path) for pattern in patterns)


def denied(path: str, patterns: Iterable[str]) -> str:
    """The first pattern that takes the path as the most forgiving file system would read it, or nothing."""
    seen = _forgiving(path)
    for pattern in patterns:
        if matches(pattern, path, ignore_case=True) or matches(_forgiving(pattern), seen, ignore_case=True):
            return pattern
    return ""


@lru_cache(4_096)
def _forgiving(path: str) -> str:
    """A name as file systems read it that fold case, compose letters, and skip what is not seen (`.GIT`, `.gi‌t`)."""
    folded = unicodedata.normalize("NFKC", path).casefold()
    seen = "".join(char for char in folded if unicodedata.category(char) != "Cf")
    return "/".join(part.rstrip(" .") or part for part in seen.split("/"))


def check_rule(rule: Sequence[str], where: str) -> None:
    """Raises: BadInput when a command rule has no plain program name or a final token stands elsewhere."""
    if not rule or not rule[0] or "/" in rule[0] or rule[0].startswith("-"):
        raise BadInput(f"{where}: a rule starts with a program's bare name", hint='rules look like ["ruff", "***"]')
    if any(token in ("**", "***") for token in rule[:-1]):
        raise BadInput(f"{where}: ** and *** stand only at a rule's end")


def command_allowed(argv: Sequence[str], rules: Sequence[Sequence[str]]) -> bool:
    """Whether one of the rules takes this argv whole."""
    return any(_rule_takes(rule, argv) for rule in rules)


def _rule_takes(rule: Sequence[str], argv: Sequence[str]) -> bool:
    if not argv or rule[0] != argv[0]:
        return False
    tokens, rest = list(rule[1:]), list(argv[1:])
    if any(needs_naming(argv[0], arg) and arg not in _written(tokens) for arg in rest):
        return False
    if tokens and tokens[-1] in ("**", "***"):
        final, tokens = tokens[-1], tokens[:-1]
        tail = rest[len(tokens) :]
        if len(rest) < len(tokens) or (final == "**" and any(a.startswith("-") for a in tail)):
            return False
        rest = rest[: len(tokens)]
    return len(rest) == len(tokens) and all(map(_token_takes, tokens, rest))


def _written(tokens: Iterable[str]) -> set[str]:
    """The arguments that a rule writes out; `-exec|-delete` writes two."""
    return {word for token in tokens for word in token.split("|")}


def _token_takes(token: str, arg: str) -> bool:
    if token == "*":
        return not arg.startswith("-")
    if token.endswith("=*"):
        return arg.startswith(token[:-1])
    return arg in token.split("|")
