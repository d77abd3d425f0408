"""What Paddock writes on a forge. Names and messages are others' words: there they must neither call anybody nor link.

Every text ends with a mark that nobody sees, by which it is found again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from paddock.core.redaction import Redactor

MOST_TITLE = 200
MOST_ROWS = 20
_ICONS: Mapping[bool, str] = {True: "green", False: "red"}


def quoted(text: object, most: int = 200) -> str:
    """Others' words as code, which no forge reads: on one line, without the signs that would end it."""
    line = " ".join(str(text).split()).replace("`", "'").replace("|", "/").replace("<!--", "< !--")
    line = line if len(line) <= most else line[: most - 1] + "…"
    return f"`{line}`" if line else ""


def mark(what: str, name: str) -> str:
    """The mark of one thing that Paddock says once."""
    return f"<!-- paddock:{what}:{name} -->"


def covered(text: str) -> str:
    """The text without what looks like a token: a forge may be public."""
    return Redactor().cover(text.encode()).decode(errors="replace")


def title(name: str) -> str:
    """A pull request's title; signs that would call somebody are parted from what they call."""
    line = " ".join(name.split()).replace("@", "@\u200b").replace("#", "#\u200b").replace("!", "!\u200b")
    return covered(line)[:MOST_TITLE] or "a change"


def description(change: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> str:
    """A pull request's text: where the change comes from and what speaks for it."""
    lines = [
        f"Paddock proposes this change for the job {quoted(change['name'])}.",
        "",
        f"- change `{change['id']}`, job `{change['job']}`",
        f"- base `{change['base'][:12]}`, head `{change['head'][:12]}`",
        f"- +{change['added']} -{change['removed']} in {len(change['files'])} files",
        "",
        *_evidence(change),
        *_findings(findings),
        "It is judged by Paddock's gate; approvals here count there where the project says whose.",
        "",
        mark("change", change["job"]),
    ]
    return covered("\n".join(lines))


def _evidence(change: Mapping[str, Any]) -> list[str]:
    of_head = [one for one in change["evidence"] if one["head"] == change["head"]]
    if not of_head:
        return ["No checks have run on this head yet.", ""]
    lines = ["| check | result |", "|---|---|"]
    for check in of_head[-1]["checks"][:MOST_ROWS]:
        given = check if isinstance(check, Mapping) else {}
        argv = given.get("argv")
        name = " ".join(map(str, argv)) if isinstance(argv, list) else "check"
        lines.append(f"| {quoted(name)} | {_ICONS[bool(given.get('green'))]} |")
    return [*lines, f"| all, on the tree `{of_head[-1]['tree'][:12]}` | {_ICONS[bool(of_head[-1]['green'])]} |", ""]


def _findings(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    if not findings:
        return []
    lines = [f"Open findings of reviews: {len(findings)}.", ""]
    lines += [f"- {one['severity']}: {_finding(one)}" for one in findings[:MOST_ROWS]]
    more = len(findings) - MOST_ROWS
    return [*lines, *([f"- and {more} more"] if more > 0 else []), ""]


def _finding(one: Mapping[str, Any]) -> str:
    place = f"{one['path']}:{one['line']}" if one["line"] else one["path"]
    return f"{quoted(one['message'])} ({quoted(one['name'])}" + (f", {quoted(place)})" if place else ")")


def issue(one: Mapping[str, Any], change_url: str) -> tuple[str, str]:
    """A finding as an issue: title and text."""
    place = f"{one['path']}:{one['line']}" if one["line"] else one["path"]
    lines = [
        f"A review by Paddock found this on `{one['head'][:12]}`:",
        "",
        f"- {quoted(one['message'], 1_000)}",
        f"- rule {quoted(one['name'])}, severity {one['severity']}",
        *([f"- at {quoted(place)}"] if place else []),
        *([f"- in {change_url}"] if change_url else []),
        "",
        f"`paddock findings show {one['id']}` tells the rest.",
        "",
        mark("finding", one["id"]),
    ]
    return title(f"{one['name']}: {one['message']}"), covered("\n".join(lines))


def comment(by: str, said: str, name: str) -> str:
    """What a person says in Paddock, as a comment; the words stand as a quotation."""
    shown = said.replace("<!--", "< !--").replace("@", "@\u200b")
    lines = "\n".join(f"> {line}" for line in shown.splitlines())
    return covered(f"{quoted(by)} says in Paddock:\n\n{lines}\n\n{mark('comment', name)}")
