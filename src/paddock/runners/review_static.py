"""Reviewers that need nothing but git: secrets, size, paths, and a forecast of conflicts."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from paddock.core import scope
from paddock.core.errors import PaddockError
from paddock.core.findings import MAX_WORDS, Severity, Told
from paddock.core.reviewing import Rules
from paddock.core.secret_forms import secrets_in
from paddock.runners.review_lines import added_lines, changed
from paddock.workspace import RepoCache
from paddock.workspace.git import run

MOST_NAMES = 5


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is reviewed: a head on its base, by these rules, beside other open changes as (name, head)."""

    cache: RepoCache
    base: str
    head: str
    rules: Rules
    others: Sequence[tuple[str, str]] = ()


Reviewer = Callable[[Look], list[Told]]


def _secrets(look: Look) -> list[Told]:
    out = []
    for path, number, text in added_lines(look.cache, look.base, look.head):
        for rule, what, secret, severity in secrets_in(text):
            # The ledger and the pages must not spread what they warn of.
            digest = hashlib.sha256(secret.encode()).hexdigest()[:16]
            told = Told(
                reviewer="secrets",
                rule=rule,
                path=path[:MAX_WORDS],
                line=number,
                severity=severity,
                message=f"this looks like {what}",
                context=digest,
            )
            out.append(told)
    return out


def _size(look: Look) -> list[Told]:
    files = changed(look.cache, look.base, look.head)
    lines = sum(file.added + file.removed for file in files)
    out = []
    for rule, count, most in (("lines", lines, look.rules.most_lines), ("files", len(files), look.rules.most_files)):
        if count > most:
            out.append(Told(reviewer="size", rule=rule, message=f"{count:,} {rule} in one change, at most {most:,}"))
    return out


def _paths(look: Look) -> list[Told]:
    out = []
    for file in changed(look.cache, look.base, look.head):
        pattern = scope.denied(file.path, look.rules.forbidden)
        if pattern:
            message = f"no change may touch {pattern}"
            path = file.path[:MAX_WORDS]
            out.append(Told(reviewer="paths", rule="forbidden", path=path, severity=Severity.HIGH, message=message))
    return out


def _conflicts(look: Look) -> list[Told]:
    out = []
    for name, head in look.others:
        paths = _forecast(look, head)
        if paths:
            more = f" and {len(paths) - MOST_NAMES} more" if len(paths) > MOST_NAMES else ""
            told = Told(
                reviewer="conflicts",
                rule="open-change",
                path=paths[0][:MAX_WORDS],
                severity=Severity.LOW,
                message=f"does not merge with the open change {name}: {', '.join(paths[:MOST_NAMES])}{more}"[
                    :MAX_WORDS
                ],
                context=name,
            )
            out.append(told)
    return out


def _forecast(look: Look, other: str) -> list[str]:
    """The paths in which two heads conflict; none where the other one is gone by now."""
    try:
        look.cache.resolve(other)
    except PaddockError:
        return []
    words = ("merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", look.head, other)
    done = run(*words, git_dir=look.cache.git)
    if done.code != 1:
        return []
    return list(dict.fromkeys(os.fsdecode(name) for name in done.out.split(b"\0")[1:] if name))


REVIEWERS: Mapping[str, Reviewer] = {"secrets": _secrets, "size": _size, "paths": _paths, "conflicts": _conflicts}
