"""The two ways of claiming, behind one set of verbs; a repository says which one is its own."""

from dataclasses import dataclass
from typing import Protocol

from paddock.core.errors import BadInput
from paddock.gitnative import branch, claiming, holding, stalls
from paddock.gitnative.claiming import TRIES, Claimed, Missed
from paddock.gitnative.fleet import Agent, Fleet
from paddock.gitnative.selection import Filter
from paddock.gitnative.stalls import Swept


class _Claim(Protocol):
    def __call__(
        self, fleet: Fleet, agent: Agent, want: Filter | None = None, tries: int = ..., /
    ) -> Claimed | Missed: ...


class _Beat(Protocol):
    def __call__(self, fleet: Fleet, agent: Agent, key: str, token: str = "") -> str: ...


class _Complete(Protocol):
    def __call__(self, fleet: Fleet, agent: Agent, key: str, token: str = "", **told: str) -> str: ...


class _Release(Protocol):
    def __call__(self, fleet: Fleet, agent: Agent, key: str, token: str = "", reason: str = "") -> str: ...


class _Stalled(Protocol):
    def __call__(self, fleet: Fleet, agent: Agent, minutes: float = ..., now: float | None = None) -> Swept: ...


@dataclass(frozen=True)
class Verbs:
    """What can be done with tasks, each as its module says."""

    name: str
    claim: _Claim
    beat: _Beat
    complete: _Complete
    release: _Release
    release_stalled: _Stalled


REFS = Verbs("refs", claiming.claim, holding.beat, holding.complete, holding.release, stalls.release_stalled)

BRANCH = Verbs("branch", branch.claim, branch.beat, branch.complete, branch.release, branch.release_stalled)
_KNOWN = {REFS.name: REFS, BRANCH.name: BRANCH}


def claim(fleet: Fleet, agent: Agent, want: Filter, tries: int = TRIES) -> Claimed | Missed:
    """Takes a task from whichever coordination branch has one, beginning with that of the project that is wanted.

    Raises: GitUnreachable, GitRefused.
    """
    first = fleet.of_project(want.project)
    missed = got = of(first).claim(first, agent, want, tries)
    # Which branches there are may have been read just now.
    others = [fleet.of_project(want.project)] if want.project else fleet.all()
    fleet.rng.shuffle(others)
    for one in others:
        if isinstance(got, Claimed):
            break
        if one is not first:
            got = of(one).claim(one, agent, want, tries)
            missed = got if isinstance(missed, Missed) and isinstance(got, Missed) and got.lost else missed
    return got if isinstance(got, Claimed) else missed


def of(fleet: Fleet) -> Verbs:
    """The verbs of the protocol that the repository has chosen.

    Raises: BadInput when it names one that does not exist.
    """
    stored = fleet.mirror.latest()
    if stored is None:
        _, stored = fleet.look()
    fleet.coordination = stored.coordination
    name = fleet.coordination.protocol
    if name in _KNOWN:
        return _KNOWN[name]
    raise BadInput(f"protocol {name!r} is unknown", hint="`protocol` in .agents/paddock.toon is refs or branch")
