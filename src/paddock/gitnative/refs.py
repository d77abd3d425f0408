"""What the refs of a remote say: who holds which task, what is done, who is there.

`<prefix>/claims/<project>/<task>` is the lock: it is created once and moved by compare-and-set, never past a state
that somebody else has written. What state it is in is told by a mark that points to the same commit, so that one look
at the names is enough: `done/…`, `parked/…`, `open/…/<epoch>.<losses>`. No mark: it is held. `agents/<name>` is there
while an agent is and holds nothing.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from paddock.core.errors import BadInput
from paddock.gitnative.objects import ZERO
from paddock.gitnative.protocol import Update

PREFIX = "refs/paddock"
HELD, DONE, PARKED, OPENED, FREE = "held", "done", "parked", "open", "free"
V = TypeVar("V")
_KINDS = ("claims", "done", "parked", "open")
_AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_MARK = re.compile(r"(?P<key>[^/]+/[^/]+)/(?P<epoch>[0-9]{1,9})\.(?P<losses>[0-9]{1,9})")


def check_agent(name: str) -> str:
    """`name` when it can be part of a ref.

    Raises: BadInput.
    """
    if not _AGENT.fullmatch(name) or len(name) > 100 or name.endswith(".lock"):
        raise BadInput(f"{name!r} names no agent", hint="letters, digits, `-`, `_` and `.`, at most 100")
    return name


@dataclass(frozen=True)
class Mark:
    """A released task: where the next claim begins to count."""

    oid: str
    epoch: int
    losses: int
    ref: str


@dataclass
class View:
    """The refs of one look. Keys are `project/task`; values are commits."""

    prefix: str
    claims: dict[str, str] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    parked: dict[str, str] = field(default_factory=dict)
    opened: dict[str, list[Mark]] = field(default_factory=dict)
    agents: dict[str, str] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    # Claimed below the prefix although the fallback is in use.
    elsewhere: set[str] = field(default_factory=set)

    def state(self, key: str) -> str:
        """One of HELD, DONE, PARKED, OPENED and FREE."""
        at = self.claims.get(key)
        if at is None:
            return DONE if key in self.done else HELD if key in self.elsewhere else FREE
        if self.done.get(key) == at:
            return DONE
        if self.parked.get(key) == at:
            return PARKED
        return OPENED if self.mark(key) is not None else HELD

    def mark(self, key: str) -> Mark | None:
        """The mark of a released task; those of earlier releases count no more."""
        at = self.claims.get(key)
        return next((mark for mark in self.opened.get(key, ()) if mark.oid == at), None)

    def held(self) -> dict[str, str]:
        """What is held, with the commit of each claim."""
        return {key: oid for key, oid in self.claims.items() if self.state(key) == HELD}

    def completed(self) -> set[str]:
        """What refs say is done."""
        return {key for key in self.done if self.state(key) == DONE}

    def idle(self) -> list[str]:
        """The agents that are there and hold nothing, in the order everybody sees them in."""
        return sorted(self.agents)

    def below(self, keys: Iterable[str], branch: str, fallback: str = "") -> list[str]:
        """How the refs begin that tell of some tasks, of the idle agents and of a branch."""
        places = dict.fromkeys(prefix for prefix in (self.prefix, fallback) if prefix)
        told = [f"{prefix}/{kind}/{key}" for prefix in places for key in keys for kind in _KINDS]
        return [f"refs/heads/{branch}", *(f"{prefix}/agents/" for prefix in places), *told]

    def renewed(self, part: "View", keys: Collection[str]) -> "View":
        """This view with what a later look at some tasks, at the idle agents and at one branch has seen."""
        made = View(part.prefix, agents=part.agents, heads=part.heads, elsewhere=self.elsewhere)
        made.claims, made.done = _put(self.claims, part.claims, keys), _put(self.done, part.done, keys)
        made.parked, made.opened = _put(self.parked, part.parked, keys), _put(self.opened, part.opened, keys)
        return made

    def claim_ref(self, key: str) -> str:
        """The lock of a task."""
        return f"{self.prefix}/claims/{key}"

    def agent_ref(self, name: str) -> str:
        """The announcement of an agent."""
        return f"{self.prefix}/agents/{name}"

    def marked(self, key: str, state: str, oid: str, *, epoch: int = 0, losses: int = 0) -> Update:
        """Sets the mark of a state."""
        if state == OPENED:
            return Update(f"{self.prefix}/open/{key}/{epoch}.{losses}", ZERO, oid)
        known = self.done if state == DONE else self.parked
        return Update(f"{self.prefix}/{state}/{key}", known.get(key, ZERO), oid)

    def unmarked(self, key: str) -> list[Update]:
        """Takes away the marks of releases and parking."""
        gone = [Update(mark.ref, mark.oid, ZERO) for mark in self.opened.get(key, ())]
        parked = self.parked.get(key)
        return [*gone, *([Update(f"{self.prefix}/parked/{key}", parked, ZERO)] if parked else [])]


def _put(before: Mapping[str, V], later: Mapping[str, V], keys: Collection[str]) -> dict[str, V]:
    made = dict(before)
    for key in keys:
        if key in later:
            made[key] = later[key]
        else:
            made.pop(key, None)
    return made


def view_of(refs: Mapping[str, str], prefix: str = PREFIX, fallback: str = "", *, fallen: bool = False) -> View:
    """What the refs say; those below `fallback` when `fallen`, or when somebody has gone there already."""
    own = prefix
    if fallen or (fallback and any(name.startswith(f"{fallback}/") for name in refs)):
        prefix = fallback
    view = View(prefix)
    if own != prefix:
        view.elsewhere = {name[len(own) + 8 :] for name in refs if name.startswith(f"{own}/claims/")}
    start = len(prefix) + 1
    locks = f"{prefix}/claims/"
    for name, oid in refs.items():
        if name.startswith(locks):
            view.claims[name[len(locks) :]] = oid
        elif name.startswith(prefix) and name[start - 1 : start] == "/":
            _sort(view, name, name[start:], oid)
        elif name.startswith("refs/heads/"):
            view.heads[name[11:]] = oid
    return view


def _sort(view: View, name: str, rest: str, oid: str) -> None:
    folder, _, key = rest.partition("/")
    if folder == "done":
        view.done[key] = oid
    elif folder == "agents":
        view.agents[key] = oid
    elif folder == "parked":
        view.parked[key] = oid
    elif folder == "open":
        found = _MARK.fullmatch(key)
        if found:
            mark = Mark(oid, int(found["epoch"]), int(found["losses"]), name)
            view.opened.setdefault(found["key"], []).append(mark)


def default_branch(heads: Iterable[str]) -> str:
    """The branch that agents meet on unless somebody says otherwise; empty when there is none of the usual ones."""
    known = set(heads)
    return next((name for name in ("develop", "main", "master") if name in known), next(iter(sorted(known)), ""))
