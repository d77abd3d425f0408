"""How a project has its changes reviewed: who looks, who mends, what stands in a merge's way, and when it ends."""

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from paddock.core import coding_agents, scope, scope_hosts
from paddock.core.errors import BadInput
from paddock.core.findings import Severity
from paddock.core.job import CAPABILITY, Files, Scope

# Reviewers that need neither a model nor a command of the project's: name → what it looks for.
BUILT_IN = {
    "secrets": "keys, tokens and passwords in the lines that the change adds",
    "size": "more lines or files than `most_lines` and `most_files`",
    "paths": "files that `forbidden` names",
    "conflicts": "other open changes that the change does not merge with",
    "ruff": "what ruff says of the files, and did not say of them before",
    "bandit": "what bandit says of the files, and did not say of them before",
    "semgrep": "what semgrep says of the files by the rules of their base, and did not say of them before",
    "coverage": "a share of lines that the tests reach which is smaller with the change than without it",
}

Argv = Annotated[tuple[str, ...], Meta(min_length=1, max_length=100)]
Word = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The manner of every part of the rules."""


class Worker(Struct, frozen=True, kw_only=True):
    """A command of the project's own, or a coding agent with a brief, and what either needs."""

    argv: tuple[str, ...] = ()
    # A coding agent that the hosts' policies know, its model, and what it is asked for.
    agent: Annotated[str, Meta(pattern="^[a-z0-9._-]{0,64}$")] = ""
    model: Annotated[str, Meta(max_length=100)] = ""
    brief: Annotated[str, Meta(max_length=16_000)] = ""
    # Capabilities that its agent must have; hosts that it may reach, and secrets that it is lent.
    requires: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Capabilities that its agent must have, that of the coding agent among them."""
        return (*self.requires, *((coding_agents.CAPABILITY + self.agent,) if self.agent else ()))

    def scope(self, author: Scope, *, files: Files | None = None) -> Scope:
        """What it may touch while it works on a change of a job with that scope."""
        return Scope(
            files=files or Files(),
            hosts=self.hosts,
            secrets=self.secrets,
            untrusted=author.untrusted,
            public=author.public,
            degraded=author.degraded,
        )


class Tool(Worker, frozen=True, kw_only=True):
    """A reviewer of the project's own: it writes findings as a JSON list to the file `{findings}`."""

    name: Word


class Fixer(Worker, frozen=True, kw_only=True):
    """Who mends findings: a command reads them as a JSON list from the file `{findings}`, an agent in its brief."""

    # Patterns over reviewer/rule, such as ruff/*.
    findings: tuple[str, ...] = ("*",)
    # Seconds that one run may take.
    timeout: Annotated[int, Meta(ge=1, le=86_400)] = 900


class Resolver(Worker, frozen=True, kw_only=True):
    """Who goes on with a change on its own branch when it conflicts or a person asks for more.

    A command reads what is wanted from the file `{brief}`. With neither command nor agent, what the job ran goes on.
    """

    # Runs for one wish, and for all conflicts of one change.
    rounds: Annotated[int, Meta(ge=1, le=10)] = 2
    # Seconds that one run may take.
    timeout: Annotated[int, Meta(ge=1, le=86_400)] = 900


class Coverage(Struct, frozen=True, kw_only=True):
    """How coverage is measured: a command that writes a report of it to the file `{coverage}`."""

    argv: Argv
    # Percentage points that a change may cost.
    most_drop: Annotated[float, Meta(ge=0, le=100)] = 0.0


class Owners(Struct, frozen=True, kw_only=True):
    """Whose approval a change needs that touches these paths; one of the people is enough."""

    paths: Annotated[tuple[str, ...], Meta(min_length=1)]
    people: Annotated[tuple[str, ...], Meta(min_length=1)]


class Rules(Struct, frozen=True, kw_only=True):
    """How a project's changes are reviewed and what they need to merge; as it stands, where nothing else was said."""

    reviewers: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    # Capabilities that the agent of a review must have; `ruff` goes without saying where ruff reviews.
    requires: tuple[str, ...] = ()
    # Patterns of files that no change may touch.
    forbidden: tuple[str, ...] = ()
    most_lines: Annotated[int, Meta(ge=1)] = 1_000
    most_files: Annotated[int, Meta(ge=1)] = 50
    coverage: Coverage | None = None
    # Findings as bad as this, or worse, keep a change from merging and are given to fixers.
    gate: Severity = Severity.MEDIUM
    # Whether a review by the agent that wrote the change does not count.
    independent: bool = False
    fixers: tuple[Fixer, ...] = ()
    # Without one, what conflicts and what a person asks for sends the job back, to start again from the present base.
    resolver: Resolver | None = None
    # Rounds of mending for one change.
    rounds: Annotated[int, Meta(ge=0, le=20)] = 3
    # Findings given to fixers in one round, and for one job in all.
    per_round: Annotated[int, Meta(ge=1, le=50)] = 10
    in_all: Annotated[int, Meta(ge=1, le=1_000)] = 30
    # Seconds of agents' time that reviews and fixes of one change may take together.
    seconds: Annotated[int, Meta(ge=1)] = 7_200
    # People who must approve; 0 lets a change merge without any.
    humans: Annotated[int, Meta(ge=0, le=20)] = 1
    owners: tuple[Owners, ...] = ()
    # Changes that the merge queue may test together; 1: each by itself.
    batch: Annotated[int, Meta(ge=1, le=20)] = 1
    # Seconds that a change may wait before no more than `slow_to` jobs of the project run at a time; 0: for ever.
    slow_after: Annotated[int, Meta(ge=0, le=10**8)] = 0
    slow_to: Annotated[int, Meta(ge=0, le=10_000)] = 1

    @property
    def reviews(self) -> bool:
        """Whether changes are reviewed at all."""
        return bool(self.reviewers or self.tools)


def parse(raw: object) -> Rules:
    """Rules as people write them.

    Raises: BadInput naming the field.
    """
    try:
        rules = msgspec.convert(raw, Rules)
    except msgspec.ValidationError as error:
        raise BadInput(str(error).replace("Object contains", "there is an"), where="rules") from None
    _check_names(rules)
    for where, patterns in (("forbidden", rules.forbidden), *(("owners", one.paths) for one in rules.owners)):
        for pattern in patterns:
            scope.check_pattern(pattern, where)
    for word in rules.requires:
        _check_capability(word)
    for where, workers in (("tools", rules.tools), ("fixers", rules.fixers)):
        for worker in workers:
            _check_worker(worker, where)
            if not (worker.argv or worker.agent):
                raise BadInput(f"{where}: one has neither argv nor agent")
    if rules.resolver:
        _check_worker(rules.resolver, "resolver")
    return rules


def _check_names(rules: Rules) -> None:
    for name in rules.reviewers:
        if name not in BUILT_IN:
            raise BadInput(f"reviewers: there is no {name!r}", hint=f"built in are: {', '.join(BUILT_IN)}")
    names = [*rules.reviewers, *(tool.name for tool in rules.tools)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise BadInput(f"reviewers: {twice!r} stands twice")
    if "coverage" in rules.reviewers and rules.coverage is None:
        raise BadInput("reviewers: coverage needs to know how", hint='say coverage: {argv: [..., "{coverage}"]}')


def _check_worker(worker: Worker, where: str) -> None:
    if worker.argv and worker.agent:
        raise BadInput(f"{where}: one has argv and agent", hint="a command, or a coding agent with a brief")
    if worker.argv and not all(worker.argv[:1]):
        raise BadInput(f"{where}.argv: the program is empty")
    scope_hosts.check_hosts(worker.hosts, f"{where}.hosts")
    for word in worker.requires:
        _check_capability(word)


def _check_capability(word: str) -> None:
    if not CAPABILITY.match(word):
        raise BadInput(f"requires: {word!r} is no capability")


def plain(rules: Rules) -> dict[str, Any]:
    """Rules as JSON has them."""
    return dict(msgspec.to_builtins(rules))


def fixer_of(rules: Rules, name: str) -> int | None:
    """The place of the first fixer that takes a finding of this reviewer/rule; None without one."""
    for at, fixer in enumerate(rules.fixers):
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in fixer.findings):
            return at
    return None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the mending of one change has come."""

    rounds: int
    # The latest rounds after which no finding was gone, in a row.
    barren: int
    # Findings given to fixers so far, for this change and earlier ones of its job.
    filed: int
    seconds: float
    # Open findings at the gate or above it: all of them, and those that some fixer takes.
    blocking: int
    mendable: int
    # Reviewers that did not run on the head; what they would have found nobody knows.
    skipped: tuple[str, ...] = ()


BARREN = 2


def stop(rules: Rules, at: Progress) -> str:
    """Why nothing more is given to fixers; empty while another round is due.

    `clean` when every reviewer ran and nothing blocks.
    """
    if not at.blocking:
        return f"unreviewed: {', '.join(at.skipped)} did not run" if at.skipped else "clean"
    if at.rounds >= rules.rounds:
        return f"rounds: all {rules.rounds} are used up"
    if at.barren >= BARREN:
        return f"stagnation: {at.barren} rounds in a row fixed nothing"
    if at.filed >= rules.in_all:
        return f"findings: {at.filed} were given to fixers"
    if at.seconds >= rules.seconds:
        return f"spend: {at.seconds:.0f} s of agents' time went into it"
    if not at.mendable:
        return "fixers: none takes what is left"
    return ""


def missing_owners(rules: Rules, paths: Sequence[str], approved_by: Sequence[str], *, whole: bool) -> list[str]:
    """Whose approval is missing, one sentence for each rule that a path of the change falls under.

    When `paths` are not the `whole` of the change, every rule may be about one that is not told.
    """
    out = []
    for owners in rules.owners:
        touched = next((path for path in paths if scope.denied(path, owners.paths)), None)
        if (touched is None and whole) or set(owners.people) & set(approved_by):
            continue
        what = f"{touched} needs" if touched else "there are more files than are told, and one may need"
        out.append(f"{what} the approval of {' or '.join(owners.people)}")
    return out


def standing_in_the_way(head: str, reviewed: bool, skipped: Iterable[str], blocking: int, why: str) -> list[str]:
    """What reviews have against a merge. `why` says why no fixer is at work; empty while one is, or will be."""
    if not reviewed:
        return [f"the review of {head[:12]} has not ended"]
    out = [f"the reviewer {name} did not run" for name in skipped]
    if blocking:
        count = f"{blocking} finding{'s are' if blocking > 1 else ' is'} open"
        out.append(f"{count} ({why})" if why else f"{count} and being fixed")
    return out
