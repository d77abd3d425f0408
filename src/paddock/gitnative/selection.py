"""Which task an agent goes for: what is ready, and of that what nobody else goes for at the same moment."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paddock.gitnative.mirror import Stored
from paddock.gitnative.refs import FREE, OPENED, View

# Of tasks less urgent than the first, so many at most are chosen from by an agent that loses.
LARGEST_CHOICE = 64


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which tasks an agent takes; empty: any."""

    project: str = ""
    role: str = ""
    min_priority: int = 0
    # Only those that say what to run.
    runnable: bool = False
    # Keys that are left to others.
    aside: frozenset[str] = frozenset()


class Planner:
    """Ready tasks of a board in the order of urgency; made anew only when the board or what is done has changed."""

    def __init__(self) -> None:
        # The board itself, not its id: another board may come to stand where one that was let go of stood.
        self._stored: Stored | None = None
        self._key: object = None
        self._ready: list[str] = []
        self._urgent: dict[str, int] = {}
        # Whether a project's tasks are taken from this board.
        self.owns: Callable[[str], bool] = lambda _project: True

    def ready(self, stored: Stored, done: frozenset[str], want: Filter) -> list[str]:
        """Keys of what may be claimed as far as files and completions say, the most urgent first."""
        key = (done, want)
        if stored is not self._stored or key != self._key:
            board = stored.board
            known = done | board.completed()
            self._urgent = board.urgency(known)
            self._ready = [one for one in board.ready(known) if self._wanted(stored, one, want)]
            self._stored, self._key = stored, key
        return self._ready

    def _wanted(self, stored: Stored, key: str, want: Filter) -> bool:
        task = stored.tasks[key]
        if key in want.aside or not self.owns(task.project):
            return False
        fits = (not want.project or task.project == want.project) and (not task.role or task.role == want.role)
        if want.runnable and not task.run:
            return False
        return fits and self._urgent[key] >= want.min_priority and (not want.role or task.role in ("", want.role))

    def best(self, free: Sequence[str], lost: int = 0) -> Sequence[str]:
        """Those that are as urgent as the first; after losses, twice as many as before each time, urgent or not."""
        if not free:
            return free
        top = self._urgent[free[0]]
        same = next((at for at, key in enumerate(free) if self._urgent[key] < top), len(free))
        return free[: max(same, min(LARGEST_CHOICE, 2**lost))]


def free_tasks(ready: Sequence[str], view: View) -> list[str]:
    """Those of the ready tasks that nobody holds."""
    claims, opened = view.claims, view.opened
    return [key for key in ready if (key not in claims or key in opened) and view.state(key) in (FREE, OPENED)]


def by_rank(free: Sequence[str], view: View, agent: str) -> str | None:
    """The task that falls to an announced agent: the idle agents take the tasks in the same order, one each.

    None when there are more idle agents before it than tasks.
    """
    rank = view.idle().index(agent)
    return free[rank] if rank < len(free) else None


def at_random(free: Sequence[str], planner: Planner, rng: random.Random, lost: int) -> list[str]:
    """The most urgent in an order of chance, so that agents who do not know of each other seldom meet; then a few more.

    `lost` is how often others were faster: then there is no hurry to stand where everybody stands.
    """
    best = planner.best(free, lost)
    return [*rng.sample(best, len(best)), *free[len(best) : len(best) + LARGEST_CHOICE]]
