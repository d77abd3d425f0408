"""What may start: limits on live leases and on starts, and each project's share. Times are epoch milliseconds.

A limit is about lanes: every job of a lane counts towards the same limits. So a full limit holds back lanes and never a
job that other jobs stand behind.
"""

import heapq
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from paddock.core import matching
from paddock.core.errors import BadInput

# The end of a pause without an end.
NEVER = 253_402_300_799_999
# The largest share of a project.
MOST_WEIGHT = 1_000
MOST_LIMITS = 500
# Bounds of a limit: live leases, starts within a window, the window.
MOST_LEASES = 1_000_000
MOST_STARTS = 10_000
LEAST_WINDOW, MOST_WINDOW = 1_000, 7 * 86_400_000


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """At most `most` live leases, and at most `starts` starts within any `window_ms`, of the jobs it is about.

    It is about jobs that pass every selector that is not empty.
    """

    key: str = ""
    project: str = ""
    kind: str = ""
    capability: str = ""
    most: int | None = None
    starts: int | None = None
    window_ms: int | None = None

    @property
    def name(self) -> str:
        """What it is about, in one text: the key alone, or `project=shop,kind=command`."""
        words = [f"{what}={self._of(what)}" for what in SELECTORS if self._of(what)]
        return self.key if words == [f"key={self.key}"] else ",".join(words)

    def _of(self, what: str) -> str:
        return str(getattr(self, what))

    def covers(self, lane: str) -> bool:
        """Whether the jobs of a lane count towards it."""
        project, kind, requires = matching.parse_lane(lane)
        return (
            self.project in ("", project)
            and self.kind in ("", kind)
            and (not self.capability or self.capability in requires)
            and (not self.key or self.key in matching.limits_of(lane))
        )


SELECTORS = ("key", "project", "kind", "capability")


def check(limit: Limit) -> None:
    """Raises: BadInput for a limit about nothing, without a bound, or with one out of bounds."""
    if not any(getattr(limit, what) for what in SELECTORS):
        raise BadInput("a limit is about a key, a project, a kind or a capability", where="key")
    if limit.most is None and limit.starts is None:
        raise BadInput("a limit bounds live leases, or starts within a time", hint="give most, or starts and seconds")
    if limit.most is not None and not 0 <= limit.most <= MOST_LEASES:
        raise BadInput(f"most: expected 0 to {MOST_LEASES:,}", where="most")
    if (limit.starts is None) != (limit.window_ms is None):
        raise BadInput("starts and seconds go together", where="starts")
    if limit.starts is not None and not 1 <= limit.starts <= MOST_STARTS:
        raise BadInput(f"starts: expected 1 to {MOST_STARTS:,}", where="starts")
    if limit.window_ms is not None and not LEAST_WINDOW <= limit.window_ms <= MOST_WINDOW:
        raise BadInput("seconds: expected 1 second to 7 days", where="seconds")


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """A limit with what counts towards it now. `oldest` is the oldest start within the window."""

    name: str
    limit: Limit
    live: int = 0
    started: int = 0
    oldest: int | None = None

    @property
    def room(self) -> int:
        """How many more may start now."""
        most = math.inf if self.limit.most is None else self.limit.most - self.live
        starts = math.inf if self.limit.starts is None else self.limit.starts - self.started
        return max(0, int(min(most, starts)))

    @property
    def opens(self) -> int | None:
        """When there is room again by time alone; None when a lease must end first."""
        if self.limit.most is not None and self.live >= self.limit.most:
            return None
        return None if self.oldest is None else self.oldest + (self.limit.window_ms or 0)


class Room:
    """The limits that cover each lane. What is taken counts at once."""

    def __init__(self, levels: Iterable[Level]) -> None:
        self._levels = {level.name: level for level in levels}
        self._left = {name: level.room for name, level in self._levels.items()}
        self._covering: dict[str, list[str]] = {}
        # By the narrowest selector, so that a lane is held against few limits however many there are.
        self._by: dict[tuple[str, str], list[Level]] = {}
        for level in self._levels.values():
            self._by.setdefault(_narrowest(level.limit), []).append(level)

    def covering(self, lane: str) -> list[str]:
        """The names of the limits that a lane counts towards."""
        found = self._covering.get(lane)
        if found is None:
            project, kind, requires = matching.parse_lane(lane)
            words = [("project", project), ("kind", kind), *(("capability", one) for one in requires)]
            words += [("key", one) for one in matching.limits_of(lane)]
            near = [level for word in words for level in self._by.get(word, ())]
            found = self._covering[lane] = [level.name for level in near if level.limit.covers(lane)]
        return found

    def left(self, lane: str) -> float:
        """How many more jobs of a lane may start; infinite where no limit covers it."""
        return min((self._left[name] for name in self.covering(lane)), default=math.inf)

    def take(self, lane: str) -> bool:
        """Counts one start of a lane; False where there is no room."""
        names = self.covering(lane)
        if any(self._left[name] <= 0 for name in names):
            return False
        for name in names:
            self._left[name] -= 1
        return True

    def opens(self, lane: str) -> int | None:
        """When a lane that has no room may have some by time alone."""
        full = [self._levels[name].opens for name in self.covering(lane) if self._left[name] <= 0]
        moments = [moment for moment in full if moment is not None]
        return max(moments) if moments and len(moments) == len(full) else None

    def timed(self, lane: str) -> list[str]:
        """The names of the limits on starts that a lane counts towards."""
        return [name for name in self.covering(lane) if self._levels[name].limit.starts is not None]

    def window_of(self, name: str) -> int:
        """The length of a limit's window in milliseconds."""
        return self._levels[name].limit.window_ms or 0


def _narrowest(limit: Limit) -> tuple[str, str]:
    if limit.key:
        return "key", limit.key
    if limit.capability:
        return "capability", limit.capability
    return ("project", limit.project) if limit.project else ("kind", limit.kind)


@dataclass(frozen=True, kw_only=True, order=True)
class Head:
    """A job that could be claimed: the most urgent first, then the oldest."""

    less_urgent: int  # the urgency with its sign turned
    id: str
    lane: str = field(compare=False)
    exclusive: str | None = field(compare=False, default=None)


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Live leases of each project, and the weights that are not 1."""

    leases: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)


def choose(heads: Iterable[Head], want: int, room: Room, shares: Shares, chance: Callable[[], float]) -> list[Head]:
    """Up to `want` of the jobs, in the order in which they are taken; at most one of each exclusive key.

    Between projects the one with the fewest live leases for its weight comes first; of those with equally few, one by
    lot, weighted too, so that with a single slot everyone still gets its share. Projects of weight 0 come when no other
    has anything, by urgency and age alone. Within a project: the most urgent, then the oldest.
    """
    queues: dict[str, list[Head]] = {}
    for head in heads:
        queues.setdefault(matching.parse_lane(head.lane)[0], []).append(head)
    for queue in queues.values():
        queue.sort(reverse=True)
    turns = [_turn(project, queue[-1], shares, 0, _lot(project, shares, chance)) for project, queue in queues.items()]
    heapq.heapify(turns)
    chosen: list[Head] = []
    keys: set[str] = set()
    taken = dict.fromkeys(queues, 0)
    while turns and len(chosen) < want:
        turn = heapq.heappop(turns)
        project, lot = turn[-1], turn[2]
        head = queues[project].pop()
        if head.exclusive not in keys and room.take(head.lane):
            chosen.append(head)
            taken[project] += 1
            if head.exclusive is not None:
                keys.add(head.exclusive)
        if queues[project]:
            heapq.heappush(turns, _turn(project, queues[project][-1], shares, taken[project], lot))
    return chosen


_Turn = tuple[bool, float, float, Head, str]


def _turn(project: str, head: Head, shares: Shares, taken: int, lot: float) -> _Turn:
    weight = shares.weights.get(project, 1)
    load = (shares.leases.get(project, 0) + taken) / weight if weight else 0.0
    return not weight, load, lot, head, project


def _lot(project: str, shares: Shares, chance: Callable[[], float]) -> float:
    """Smallest with a probability in proportion to the weight."""
    weight = shares.weights.get(project, 1)
    return -math.log(1.0 - chance()) / weight if weight else 0.0


def projects_of(lanes: Collection[str]) -> set[str]:
    """The projects that lanes are of."""
    return {matching.parse_lane(lane)[0] for lane in lanes}
