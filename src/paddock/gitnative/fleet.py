"""One remote as the agents of this host use it: what is there, and one exchange at a time of few."""

import random
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from paddock.gitnative import records
from paddock.gitnative.errors import GitRefused
from paddock.gitnative.events import Events
from paddock.gitnative.home import Home
from paddock.gitnative.locks import place
from paddock.gitnative.mirror import Coordination, Mirror, Stored
from paddock.gitnative.objects import Object, Person, commit_text, make, signed
from paddock.gitnative.protocol import Decide, Exchange, Report
from paddock.gitnative.records import Record
from paddock.gitnative.refs import View, default_branch, view_of
from paddock.gitnative.remote import Remote
from paddock.gitnative.selection import Planner
from paddock.gitnative.signing import Trust

# Pushes at a time of all agents on this host: more would only see refs that have changed when their turn comes.
PLACES = 8
# Pushes that a remote must have refused before the fallback is used.
REFUSALS = 3
# Refs from which on a look at all of them costs more than a second exchange.
MANY = 500
# Seconds for which all refs are remembered by whoever then looks at a few.
REMEMBERED = 30.0
# How a remote says that it does not want a push, rather than that it came too late.
_UNWANTED = ("declined", "denied", "prohibited", "not allowed", "protected", "hidden ref", "funny ref", "unpacker")


@dataclass(kw_only=True)
class Agent:
    """Who asks: a name, one process of it, and how its commits are signed, if they are."""

    name: str
    session: str = field(default_factory=lambda: secrets.token_hex(8))
    sign: Callable[[bytes], str] | None = None
    # Whether it shows that it is there, so that agents do not go for the same task.
    announced: bool = False


class Fleet:
    """One remote. `clock` gives epoch seconds for people to read; nothing is decided by it."""

    def __init__(
        self,
        remote: Remote,
        home: Home,
        *,
        branch: str = "",
        places: int = PLACES,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
        say: Callable[[str], None] = lambda _words: None,
    ) -> None:
        self.remote = remote
        self.home = home
        self.mirror = Mirror(home.mirror, remote.url)
        remote.borrow = home.mirror
        self.events = Events(home.events, clock)
        self.planner = Planner()
        self.trust = Trust(home, self.mirror)
        self.coordination = Coordination()
        self.clock = clock
        self.pause = pause
        self.rng = rng or random.Random()
        self.say = say
        self._branch = branch
        # The coordination branch, and the tasks on it, as they were found last.
        self.branch = branch
        self.stored: Stored | None = None
        self._places = places
        self._fallen = False
        self._seen: View | None = None
        self._whole_at = 0.0
        # Project → the branch that its tasks are on, as the repository's own branch says.
        self.branches = home.branches()
        self._at: dict[str, Fleet] = {}

    def exchange(self, decide: Decide, keys: Collection[str] = ()) -> Exchange:
        """One exchange, with no more than a few of this host at a time. When all that matters are some tasks, the idle
        agents and the branch, and the remote has many refs, `decide` sees only those.

        Raises: GitUnreachable.
        """
        with place(self.home.places, self._places):
            if keys and self.home.many:
                where = View(self.coordination.prefix)
                branch = self._branch or self.branch or self.coordination.branch
                return self.remote.part(where.below(keys, branch, self.coordination.fallback), decide)
            seen = self.remote.exchange(decide)
        self.home.many = len(seen.refs) >= MANY
        return seen

    def remember(self, view: View, *, whole: bool) -> None:
        """Keeps a view, so that the next look may be at a few refs; `whole` when it saw all of them."""
        if whole:
            self._whole_at = time.monotonic()
        self._seen = view

    def remembered(self) -> View | None:
        """The view that was kept, while looks at a few refs pay and it is no older than REMEMBERED."""
        fresh = time.monotonic() - self._whole_at < REMEMBERED
        return self._seen if fresh and self.branch and self.home.many else None

    def owns(self, project: str) -> bool:
        """Whether a project's tasks are on this branch rather than on another one."""
        if project in self.branches:
            return self.branches[project] == self.branch
        return self.branch not in self.branches.values()

    def at(self, branch: str) -> "Fleet":
        """The same remote by another coordination branch."""
        if branch not in self._at:
            told = {"clock": self.clock, "pause": self.pause, "rng": self.rng, "say": self.say}
            made = Fleet(self.remote, self.home, branch=branch, places=self._places, **told)  # type: ignore[arg-type]
            made.branches, made.coordination = self.branches, self.coordination
            self._at[branch] = made
        return self._at[branch]

    def of_project(self, project: str) -> "Fleet":
        """This remote by the branch that a project's tasks are on; itself when a branch was asked for by name."""
        return self.at(self.branches[project]) if not self._branch and project in self.branches else self

    def all(self) -> "list[Fleet]":
        """This branch and those that projects have for themselves; itself alone when it was asked for by name."""
        others = [] if self._branch else [self.at(branch) for branch in sorted(set(self.branches.values()))]
        return [self, *others]

    def view(self, refs: Mapping[str, str] | None = None) -> View:
        """What refs say; those of the remote as they are now when none are given."""
        found = self.remote.refs() if refs is None else refs
        prefix, fallback = self.coordination.prefix, self.coordination.fallback
        return view_of(found, prefix, fallback, fallen=self._fallen)

    def tip(self, view: View) -> tuple[str, str]:
        """The coordination branch and its commit.

        Raises: GitRefused when the remote has none.
        """
        branch = self._branch or self.coordination.branch or default_branch(view.heads)
        if branch not in view.heads:
            said = f"{self.remote} has no branch {branch!r}" if branch else f"{self.remote} has no branch yet"
            raise GitRefused(said, hint="push the branch with the tasks, or name another with --branch")
        self.branch = branch
        return branch, view.heads[branch]

    def known(self, view: View) -> Stored | None:
        """The tasks at the tip of this view, when this host has read and judged all that it takes to go by them."""
        stored = self.mirror.board(self.tip(view)[1])
        return self._trusted(stored, view) if stored is not None and self.trust.knows(stored, view) else None

    def board(self, view: View) -> Stored:
        """The tasks at the tip of this view, or of a later one, fetched when this host lacks them.

        Raises: NotSigned, SignersChanged.
        """
        branch, tip = self.tip(view)
        stored = self.mirror.board(tip) or self.mirror.sync(branch, tip)
        self.trust.judge(stored, view)
        return self._trusted(stored, view)

    def _trusted(self, stored: Stored, view: View) -> Stored:
        self.coordination = stored.coordination
        if not self._branch and stored.coordination.branches != self.branches:
            self.branches = stored.coordination.branches
            self.home.keep_branches(self.branches)
        self.planner.owns = self.owns
        self.stored = stored
        self.trust.strip(stored, view)
        return stored

    def look(self) -> tuple[View, Stored]:
        """The refs and the tasks as they are now, read with the right to read alone."""
        refs = self.remote.refs()
        stored = self.board(self.view(refs))
        view = self.view(refs)  # the settings that were just read may say that the refs are elsewhere
        self.trust.judge(stored, view)
        self.trust.strip(stored, view)
        return view, stored

    def commit(self, agent: Agent, message: str, *parents: str) -> Object:
        """A commit of an agent's without files."""
        text = commit_text(message, self.person(agent), parents)
        return make("commit", signed(text, agent.sign(text)) if agent.sign else text)

    def person(self, agent: Agent) -> Person:
        """The agent as an author."""
        return Person(agent.name, f"{agent.name}@paddock.invalid", int(self.clock()))

    def recorded(self, agent: Agent, record: Record, *parents: str, minutes: int = 0) -> Object:
        """A commit that carries a record."""
        unique = msgspec.structs.replace(record, nonce=secrets.token_hex(6))
        return self.commit(agent, records.message(unique, minutes), *parents)

    def now(self) -> str:
        """This moment as people write it."""
        return records.stamp(self.clock())

    def fall_back(self, view: View, refused: int) -> bool:
        """Whether refs go below the fallback from now on: pushes to the prefix were refused again and again.

        Never while the prefix has refs: then the remote takes them, and a hook of it only has moods.
        """
        prefix, fallback = self.coordination.prefix, self.coordination.fallback
        if not fallback or self._fallen or view.prefix != prefix or view.claims or view.agents or refused < REFUSALS:
            return False
        self._fallen = True
        self.say(f"{self.remote} refuses {prefix}/…; claims go to {fallback}/… as .agents/paddock.toon says")
        return True


def unwanted(report: Report) -> bool:
    """Whether the remote refused for a reason of its own, rather than because a ref had moved."""
    return any(sign in reason for reason in report.refused.values() for sign in _UNWANTED)


def refusal(remote: Remote, report: Report) -> GitRefused:
    """The error for a push that the remote does not want."""
    reason = next((why for why in report.refused.values() if why), "refused")
    said = " ".join(report.said.split())[:300]
    hint = (
        "its hooks or rules decide; a remote that takes no refs but branches wants `fallback` in .agents/paddock.toon"
    )
    return GitRefused(
        f"{remote} refuses {min(report.refused, default='the push')}: {reason}. {said}".rstrip(), hint=hint
    )
