"""Writes docs/reference/ from the tables in the code: `.venv/bin/python docs/generate.py`; with --check it only looks.

Exit code 1 with --check when a page is not what the code says.
"""

import importlib
import inspect
import io
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

import paddock
from paddock import settings
from paddock.agent.intake import REFUSALS
from paddock.cli import main as cli
from paddock.core import job, kinds, people, scope, settlement, states
from paddock.core.errors import PaddockError
from paddock.web import openapi
from paddock.web.page_words import SENTENCES

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Made by docs/generate.py; edit the table in the code instead. -->\n\n"
# Modules that do their work when they are imported.
_PROGRAMS = ("paddock.sandbox.canary",)

# What the fields of a batch mean; their types and bounds come from the structs.
FIELDS: Mapping[str, str] = {
    "Batch.project": "the project's name",
    "Batch.jobs": f"1 to {job.MAX_JOBS:,} jobs",
    "Batch.defaults": "fields that every job has unless it says otherwise; payloads are joined key by key",
    "Batch.name": "a name for people",
    "Batch.opens_after": "the batch waits until so many jobs of another one are done",
    "Opens.batch": "the other batch's id",
    "Opens.done": "how many of its jobs must be done",
    "BatchJob.id": "its name in this batch: letters, digits, `.` `_` `-`, at most 100",
    "BatchJob.depends_on": "names of this batch; the job waits until they are done, which for a change means merged",
    "BatchJob.kind": "see [job kinds](job-kinds.md)",
    "BatchJob.payload": "what the kind takes",
    "BatchJob.scope": "what the job may touch",
    "BatchJob.priority": "higher is sooner; a job is at least as urgent as what waits for it",
    "BatchJob.timeout": "seconds a run may take; the kind's own limit when left out",
    "BatchJob.requires": "capabilities that its agent must have, such as `node`; `paddock agents` shows them",
    "BatchJob.max_attempts": "tries before the job has failed",
    "BatchJob.accept": "tests that must pass before its change merges, named as the JUnit XML of a check names them",
    "BatchJob.labels": "words to find jobs by: small letters, digits, `.` `_` `:` `+` `-`",
    "BatchJob.limits": "keys of limits that it counts towards, such as `gpu`; `paddock limit list` shows them",
    "BatchJob.exclusive": "of all jobs of the project with this key, one runs at a time",
    "BatchJob.budget": "what it may cost over all its tries, see [budgets](../how-to/budgets.md)",
    "JobBudget.money": "an amount of the fleet's currency such as `2.50`; `0`: it uses no model",
    "JobBudget.tokens": "tokens of all models",
    "JobBudget.time": "seconds of agents' time",
    "BatchJob.not_before": "the earliest start: epoch milliseconds, or ISO 8601 with an offset from UTC",
    "BatchJob.unique": "of all jobs of the project with this key, one at most has not ended: a second is not stored, "
    "the first stands for it, and the answer says `duplicate`",
    "Scope.files": "which paths of the worktree it may write",
    "Scope.commands": "which argv the job may be started with; any when left out",
    "Scope.hosts": "hosts and ports it may reach, such as `pypi.org:443` or `*.example.org:443`; none when left out",
    "Scope.secrets": "names of the secrets it needs; the policy of a host says which it gives, and how",
    "Scope.untrusted": "it reads what outsiders wrote: issues, pull requests, the web",
    "Scope.public": "all it is given is public already, its repository too",
    "Scope.degraded": "it may run where no host can contain it, if the host's policy says so too",
    "Scope.warrant": "a customer's own signature over the job; `paddock sign` writes it",
    "Files.write": "patterns relative to the worktree's top",
    "Files.deny": "patterns of paths that it may not write even so",
}
DEFAULTS: Mapping[str, str] = {
    "BatchJob.kind": "`command`",
    "BatchJob.payload": "`{}`",
    "BatchJob.priority": f"`{job.DEFAULT_PRIORITY}`",
    "BatchJob.timeout": "the kind's",
    "BatchJob.max_attempts": f"`{job.DEFAULT_TRIES}`",
    "BatchJob.scope": "writes anywhere, no network",
    "Files.write": '`["**"]`',
}
EXIT_CODES = (
    (0, "it went well"),
    (1, "it failed, or what was looked at is not well"),
    (2, "bad input: a flag, a file or a name"),
    (3, "the control plane cannot be reached, or what answers is none"),
    (4, "refused"),
    (78, "this agent was stopped for good; a supervisor should not start it again"),
    (130, "interrupted"),
)


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def job_kinds() -> str:
    """Every kind and its payload."""
    out = ["# Job kinds\n"]
    for kind in kinds.KINDS.values():
        who = "the control plane alone" if kind.system else "people"
        keys = [(name, _type(of), "yes") for name, of in kind.required.items()]
        keys += [(name, _type(of), "") for name, of in kind.optional.items()]
        limits = f"limit {kind.timeout} s, {kind.silence} s of silence" if kind.worktree else "no worktree"
        out.append(f"## `{kind.name}`\n\n{kind.about}\n\nSubmitted by {who}; {limits}.\n")
        out.append(table(("payload", "type", "required"), [(f"`{name}`", of, need) for name, of, need in keys]))
    return "\n".join(out)


def _type(of: type) -> str:
    return {str: "text", list: "list", dict: "mapping", int: "whole number"}[of]


def refusals() -> str:
    """Every code with which an agent refuses an order."""
    rows = []
    for code, about in REFUSALS.items():
        after = "goes back to the queue, no try is used" if code in settlement.PASSING_REFUSALS else "ends `refused`"
        rows.append((f"`{code}`", about, after))
    lead = "An agent holds every order against these, cheapest first; a refusal is an outcome with its code.\n"
    lasting = ", ".join(f"`{code}`" for code in sorted(settlement.LASTING_FAILURES))
    more = (
        f"\nA run that *failed* is tried again while it has tries left, unless its code is one that no further try can "
        f"mend: {lasting}. A job whose attempts were *lost* {settlement.MAX_LOSSES} times is parked; one that wrote "
        f"to the job's state does not count, until the job was granted {settlement.MAX_GRANTS} times.\n"
    )
    return f"# Refusal codes\n\n{lead}\n" + table(("code", "means", "the job"), rows) + more


def errors() -> str:
    """Every error of the tree, and the exit codes."""
    rows = []
    for error in sorted(error_classes(), key=lambda found: (found.code, found.__name__, found.__module__)):
        words = (error.__doc__ or "").split("\n")[0]
        again = "yes" if error.retryable else ""
        rows.append((f"`{error.code}`", words, error.status, error.exit_code, again, error.hint))
    titles = ("code", "says", "HTTP", "exit", "retry helps", "hint")
    shape = '`{"error": {"code", "message", "hint", "retryable", "where"}}`'
    lead = f"The API answers {shape}; the command line says message and hint in one line on stderr.\n"
    exits = table(("exit code", "means"), [(f"`{code}`", about) for code, about in EXIT_CODES])
    return f"# Error codes and exit codes\n\n{lead}\n## Exit codes\n\n{exits}\n## Error codes\n\n" + table(titles, rows)


def error_classes() -> set[type[PaddockError]]:
    """The whole tree, once every module is there."""
    for module in pkgutil.walk_packages(paddock.__path__, "paddock."):
        if module.name not in _PROGRAMS:
            importlib.import_module(module.name)
    found, pending = set(), [PaddockError]
    while pending:
        error = pending.pop()
        pending += error.__subclasses__()
        if error.__module__.startswith("paddock."):
            found.add(error)
    return found


def state_pages() -> str:
    """The states and their moves."""
    parts = ["# States\n", "The moves are those of the tables in `paddock.core.states`; any other is refused.\n"]
    tables: tuple[tuple[str, type[StrEnum], Mapping[Any, Iterable[Any]]], ...] = (
        ("Job", states.JobState, states.JOB),
        ("Change", states.ChangeState, states.CHANGE),
    )
    for name, enum, moves in tables:
        parts += [f"## {name}\n", diagram(moves), table(("state", "means"), _states(enum))]
    parts += ["## Attempt\n", "Live until one of the others is written, then never changed.\n"]
    return "\n".join([*parts, table(("state", "means"), _states(states.AttemptState))])


def diagram(moves: Mapping[Any, Iterable[Any]]) -> str:
    """A transition table as a mermaid diagram."""
    order = list(moves)
    lines = [f"    {old} --> {new}" for old in order for new in sorted(moves[old], key=order.index)]
    return "```mermaid\nstateDiagram-v2\n" + "\n".join(lines) + "\n```\n"


def _states(enum: type[StrEnum]) -> Iterator[tuple[str, str]]:
    """Each state with the comment that stands beside it."""
    said = dict(re.findall(r'^ +\w+ = "(\w+)"(?:  # (.*))?$', inspect.getsource(enum), re.MULTILINE))
    return ((f"`{state}`", said[state]) for state in enum)


def events() -> str:
    """Every event of the journal."""
    lead = "Read it with `paddock journal`. Words in braces are the event's fields, `job` and `agent` their names.\n"
    rows = [(f"`{name}`", words) for name, words in SENTENCES.items()]
    return f"# Journal events\n\n{lead}\n" + table(("event", "says"), rows)


def batch() -> str:
    """The fields of a batch file."""
    parts = [
        "# Batch format\n",
        "A batch is YAML (`.yaml`, `.yml`), JSON (`.json`) or TOON (`.toon`); without such a name, a text that starts "
        "with `{` or `[` is JSON and any other is YAML. It is taken whole or not at all. "
        "[How to write one](../how-to/write-a-batch.md).\n",
    ]
    for title, of in (
        ("Batch", job.Batch),
        ("Each of `jobs`", job.BatchJob),
        ("`scope`", job.Scope),
        ("`budget`", job.JobBudget),
        ("`scope.files`", job.Files),
        ("`opens_after`", job.Opens),
    ):
        parts += [f"## {title}\n", _fields(of)]
    parts += ["`defaults` takes the fields of a job but `id`, `depends_on` and `unique`.\n", _patterns()]
    return "\n".join(parts)


def _fields(of: type[msgspec.Struct]) -> str:
    schema = msgspec.json.schema(of)["$defs"][of.__name__]
    rows = []
    for name, told in schema["properties"].items():
        key = f"{of.__name__}.{name}"
        default = "required" if name in schema.get("required", ()) else DEFAULTS.get(key, "")
        rows.append((f"`{name}`", _shape(told), default, FIELDS[key]))
    return table(("field", "type", "default", "what it is"), rows)


def _shape(told: Mapping[str, Any]) -> str:
    if "anyOf" in told:
        return " or ".join(_shape(one) for one in told["anyOf"] if one.get("type") != "null")
    if "$ref" in told:
        return "mapping"
    if told["type"] == "array":
        return f"list of {_plural(_shape(told['items']))}"
    low, high = told.get("minimum"), told.get("maximum")
    if low is not None:
        return f"whole number, {low:,} to {high:,}" if high is not None else f"whole number, at least {low}"
    words = {"string": "text", "object": "mapping", "integer": "whole number", "number": "number"}
    return {**words, "boolean": "true or false"}[told["type"]]


def _plural(word: str) -> str:
    return "lists of texts" if word.startswith("list") else f"{word}s"


def _patterns() -> str:
    denied = ", ".join(f"`{pattern}`" for pattern in scope.ALWAYS_DENIED)
    return (
        "## Patterns and rules\n\n"
        "In a file pattern `*` and `?` stay within one name and `**` stands alone for any number of folders. "
        f"Never writable, whatever a scope says and in any case of letters: {denied}.\n\n"
        "A command rule is a list: the program's bare name, then one token for each argument. A token is a text, "
        "several with `|` between them, `*` for any argument that is no flag, `--flag=*` for any value; at the end "
        "`**` takes any number of arguments that are no flags and `***` any at all. Rules limit what the agent starts, "
        "not what a started interpreter does.\n"
    )


def http() -> str:
    """Every route of the HTTP API."""
    document = openapi.document()
    parts = [
        "# HTTP API\n",
        "JSON over HTTP/1.1. The document that this page is made from is served at `/v1/openapi.json`. `{ref}` is an "
        "id, or a name where the summary says so. What changes state takes `content-type: application/json`. Pages "
        "(`/`, `/jobs`, `/agents`, `/changes`) have a twin with `.json` at its end. The last column is the permission "
        "that a request takes where people log in; [roles](roles.md) lists who has which. Agents sign instead.\n",
    ]
    rows = []
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            query = [f"`{one['name']}`" for one in told.get("parameters", ()) if one["in"] == "query"]
            takes = ", ".join(query) or _body(told)
            rows.append((f"`{method.upper()} {path}`", told["summary"], takes, told.get("x-permission", "an agent")))
    parts.append(table(("request", "does", "query or body", "for"), rows))
    return "\n".join(parts)


def _body(told: Mapping[str, Any]) -> str:
    for media, content in told.get("requestBody", {}).get("content", {}).items():
        schema = content.get("schema", {})
        if "$ref" in schema:
            return f"`{schema['$ref'].rsplit('/', 1)[1]}`"
        return ", ".join(f"`{name}`" for name in schema.get("properties", ())) or media
    return ""


def command_line() -> str:
    """The help of every verb and of its parts, as the command prints it."""
    parts = ["# Command line\n", f"```text\n{cli.overview()}```\n"]
    for verbs in cli.GROUPS.values():
        for verb in verbs:
            text = help_of(verb)
            parts.append(f"## `paddock {verb}`\n\n```text\n{text}```\n")
            listed = text.partition("PART\n")[2].partition("\n\n")[0]
            for part in re.findall(r"^    (\w+) {2,}\S", listed, re.MULTILINE):
                parts += [f"### `paddock {verb} {part}`\n", f"```text\n{help_of(verb, part)}```\n"]
    return "\n".join(parts)


def help_of(verb: str, *words: str) -> str:
    """What `paddock VERB … --help` prints on a terminal of 100 columns."""
    os.environ["COLUMNS"] = "100"
    said = io.StringIO()
    with redirect_stdout(said), suppress(SystemExit):
        importlib.import_module(f"paddock.cli.{verb.replace('-', '_')}").main(verb, [*words, "--help"])
    return said.getvalue()


PAGES: Mapping[str, Callable[[], str]] = {
    "settings": settings.as_markdown,
    "command-line": command_line,
    "http-api": http,
    "batch-format": batch,
    "job-kinds": job_kinds,
    "states": state_pages,
    "refusal-codes": refusals,
    "errors": errors,
    "journal-events": events,
    "roles": people.as_markdown,
}


def stale() -> list[str]:
    """The pages that are not what the code says."""
    return [name for name, make in PAGES.items() if _read(FOLDER / f"{name}.md") != NOTE + make()]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main(words: Sequence[str]) -> int:
    """Writes the pages, or with --check names those that are not current."""
    old = stale()
    if "--check" in words:
        sys.stderr.write("".join(f"docs/reference/{name}.md is not current\n" for name in old))
        return 1 if old else 0
    FOLDER.mkdir(exist_ok=True)
    for name in old:
        (FOLDER / f"{name}.md").write_text(NOTE + PAGES[name](), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
