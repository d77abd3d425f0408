"""What a run may cost before it starts: reserved where there is room, else the job waits, or a person must act.

Money is millionths, time is milliseconds. Nothing here knows a clock or a database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from paddock.core import coding_agents, kinds, money

# A kind's upper figure is known once so many of its runs told theirs; it is the largest of the latest, and a quarter.
LEARNED_FROM = 3
DIMENSIONS = ("money", "tokens")
# A lease is not given for less than this.
LEAST_MS = 1_000


class Caps(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a job may cost over all its tries: money in millionths, tokens, seconds of agents' time; None: no bound."""

    money: int | None = None
    tokens: int | None = None
    time: int | None = None


@dataclass(frozen=True, kw_only=True)
class Account:
    """One bound of one budget in one dimension, with what counts against it; `bound` is 0 for none."""

    whose: str  # `shop` or `the fleet`
    project: str
    dimension: str
    window: str  # `day` or `merge`
    bound: int
    spent: int
    # What live leases have reserved.
    open: int = 0
    # When the oldest spending leaves the window, in epoch milliseconds.
    frees: int | None = None

    @property
    def left(self) -> int:
        """What is left when every reservation is used up."""
        return self.bound - self.spent - self.open


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A job that would start: its own caps, those that its project's jobs have, what it has cost, what is learned."""

    caps: Caps = field(default_factory=Caps)
    each: Mapping[str, int] = field(default_factory=dict)
    spent: Mapping[str, int] = field(default_factory=dict)
    spent_ms: int = 0
    # What else is done for the same job now has reserved.
    open: Mapping[str, int] = field(default_factory=dict)
    learned: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reserve:
    """It may start. `allowed` is what it may use at most, None for no bound; `seconds` what it may take."""

    money: int
    tokens: int
    allowed: Mapping[str, int | None]
    seconds: int | None = None


@dataclass(frozen=True)
class Wait:
    """It may start later: at `until` in epoch milliseconds, or when something else ends."""

    reason: str
    until: int | None = None


@dataclass(frozen=True)
class Park:
    """A person must act. `trips` is the project of the budget that is used up with it, None for the job's own."""

    reason: str
    trips: str | None = None


def by_agent(requires: Sequence[str]) -> bool:
    """Whether a job that asks this of its agent is a coding agent's work."""
    return any(word.startswith(coding_agents.CAPABILITY) for word in requires)


def spends(kind: str, requires: Sequence[str]) -> bool:
    """Whether a run may use models: of such a kind, or with a coding agent among its reviewers."""
    return kinds.get(kind).spends or by_agent(requires)


def judge(wish: Wish, accounts: Sequence[Account], currency: str) -> Reserve | Wait | Park:
    """Whether a job may start, and what is reserved for it."""
    seconds = None
    if wish.caps.time is not None:
        seconds = (wish.caps.time * 1_000 - wish.spent_ms) // 1_000
        if seconds * 1_000 < LEAST_MS:
            return Park(f"its budget: {wish.spent_ms // 1_000} s were spent on it, {wish.caps.time} s may be")
    needs: dict[str, int] = {}
    allowed: dict[str, int | None] = {}
    for dimension in DIMENSIONS:
        mine = [account for account in accounts if account.dimension == dimension and account.bound]
        found = _dimension(wish, dimension, mine, currency)
        if not isinstance(found, tuple):
            return found
        needs[dimension], allowed[dimension] = found
    return Reserve(money=needs["money"], tokens=needs["tokens"], allowed=allowed, seconds=seconds)


def _dimension(
    wish: Wish, dimension: str, accounts: Sequence[Account], currency: str
) -> tuple[int, int | None] | Wait | Park:
    """What is reserved in one dimension, and what the run may use of it at most."""

    def words(amount: int) -> str:
        return money.words(amount, currency) if dimension == "money" else f"{amount:,} tokens"

    own: int | None = getattr(wish.caps, dimension)
    if own == 0:  # it says that it uses none
        return 0, 0
    spent = wish.spent.get(dimension, 0)
    cap = own if own is not None else wish.each.get(dimension) or None
    if cap is not None and spent >= cap:
        return Park(f"its budget: {words(spent)} were spent on it, {words(cap)} may be")
    left = None if cap is None else cap - spent - wish.open.get(dimension, 0)
    if left is not None and left <= 0:
        return Wait(f"what it may cost is reserved for other work on it, {words(cap or 0)} in all")
    need = _need(wish, dimension, left if own is not None else None, left)
    for account in accounts:
        stop = _stop(account, need, words)
        if stop is not None:
            return stop
    room = min((account.left for account in accounts), default=None)
    if need is None:  # nobody knows: it may use all there is, and nothing else starts meanwhile
        need = room or 0
    bounds = [bound for bound in (left, room) if bound is not None]
    return need, min(bounds, default=None)


def _need(wish: Wish, dimension: str, own: int | None, left: int | None) -> int | None:
    if own is not None:
        return own
    learned = wish.learned.get(dimension)
    if learned is None:
        return left
    return learned if left is None else min(learned, left)


_WINDOWS = {"day": "within a day", "merge": "since a change was last merged"}


def _stop(account: Account, need: int | None, words: Callable[[int], str]) -> Wait | Park | None:
    """Why an account lets no job start that needs so much, None for one whose need nobody knows."""
    told, window = f"the budget of {account.whose}", _WINDOWS[account.window]
    wants = 1 if need is None else need
    unreserved = account.bound - account.spent
    if account.window == "merge" and wants > unreserved:
        what = f"{words(account.spent)} were spent {window}, {words(account.bound)} may be"
        more = f", and it may cost {words(need)}" if need and unreserved > 0 else ""
        return Park(f"{told}: {what}{more}", account.project)
    if wants > account.bound:
        return Park(f"{told}: it may cost {words(wants)}, and {words(account.bound)} may be spent {window}")
    if wants > account.left:
        used = f"{words(account.spent)} were spent {window}"
        used += f" and {words(account.open)} are reserved" if account.open else ""
        until = account.frees if wants > unreserved else None
        return Wait(f"{told}: {used}, {words(account.bound)} may be" + _wanting(need, words), until)
    return None


def _wanting(need: int | None, words: Callable[[int], str]) -> str:
    return f", and it may cost {words(need)}" if need else ""


def learned(figures: Sequence[int]) -> int | None:
    """The upper figure of a kind by those of its latest runs; None while too few told theirs."""
    return max(figures) * 5 // 4 if len(figures) >= LEARNED_FROM else None
