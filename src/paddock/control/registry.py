"""Who is there and what they can do, held by what people ask for.

An agent is in it from its first beat until three of its intervals have passed without one; nobody has to take it out.
Agents that can do the same form a group, so that a question looks at groups and then at no more agents than it lists.
All of it is memory and comes back with the next beats; times are epoch milliseconds.
"""

import asyncio
import hashlib
import heapq
from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from paddock.control.presence import Presence, Profile
from paddock.control.watching import Watch

# Agents that one page looks at in one go: a few milliseconds.
LOOK = 2_000


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A question: everything in it must hold. A label without a value asks for any; `healthy` None takes both."""

    capabilities: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    labels: tuple[tuple[str, str | None], ...] = ()
    healthy: bool | None = None

    def profile_fits(self, profile: Profile) -> bool:
        """Whether agents of this profile may be meant."""
        kinds, capabilities = profile
        return self.kinds <= kinds and self.capabilities <= capabilities

    def rest_fits(self, agent: Presence) -> bool:
        """Whether what differs between agents of one profile fits, too."""
        if self.healthy is not None and self.healthy != (not agent.ailing):
            return False
        have = agent.labels
        return all(key in have and value in (None, have[key]) for key, value in self.labels)

    def fits(self, agent: Presence) -> bool:
        """Whether this agent is meant."""
        return self.profile_fits(agent.profile) and self.rest_fits(agent)


class _Group:
    """The live agents of one profile; sorted only when somebody reads them."""

    __slots__ = ("_added", "_gone", "_order", "members")

    def __init__(self) -> None:
        self.members = 0
        # In order; some of them may have gone since.
        self._order: list[str] = []
        self._gone: set[str] = set()
        self._added: set[str] = set()

    def add(self, agent: str) -> None:
        self.members += 1
        if agent in self._gone:
            self._gone.discard(agent)
        else:
            self._added.add(agent)

    def remove(self, agent: str) -> None:
        self.members -= 1
        if agent in self._added:
            self._added.discard(agent)
        else:
            self._gone.add(agent)

    def after(self, agent: str) -> Iterator[str]:
        """The ids beyond this one, in order."""
        if len(self._gone) > 64 + len(self._order) // 4:
            self._order = [one for one in self._order if one not in self._gone]
            self._gone = set()
        if len(self._added) > 64:
            self._order += self._added
            self._order.sort()
        else:
            for one in self._added:
                insort(self._order, one)
        self._added.clear()
        for at in range(bisect_right(self._order, agent), len(self._order)):
            one = self._order[at]
            if one not in self._gone:
                yield one


class Registry:
    """The live agents. Whoever hears of an agent notes it here; `state` names what is known of all of them."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._live: dict[str, Presence] = {}
        self._groups: dict[Profile, _Group] = {}
        # Agents whose own checks fail.
        self._ailing: set[str] = set()
        # Second → agents that are not due before it; each live agent stands in the one that it names itself.
        self._due: dict[int, list[str]] = {}
        self._watches: set[Watch] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rings = 0
        # A sum over what every agent says of itself, so that replicas that know the same say the same.
        self.state = 0

    def __len__(self) -> int:
        return len(self._live)

    def note(self, agent: Presence) -> None:
        """Takes note of a beat, here or elsewhere, or of a change of what the agent says of itself."""
        if agent.listed and agent.listed_draining is agent.draining:
            return
        now = self._now()
        if not agent.online(now):
            return
        if agent.agent not in self._live:
            self._live[agent.agent] = agent
            sooner = self._timer is not None and agent.expires_at < self._rings
            self._wait_for(agent)
            self._arm(anew=sooner)
        self._regroup(agent)
        (self._ailing.add if agent.ailing else self._ailing.discard)(agent.agent)
        self.state ^= agent.digest
        agent.digest = _digest(agent)
        self.state ^= agent.digest
        agent.listed, agent.listed_draining = True, agent.draining
        for watch in self._watches:
            watch.told(agent, self.state)

    def _regroup(self, agent: Presence) -> None:
        if agent.group == agent.profile:
            return
        self._ungroup(agent)
        agent.group = agent.profile
        self._groups.setdefault(agent.profile, _Group()).add(agent.agent)

    def _ungroup(self, agent: Presence) -> None:
        if agent.group is None:
            return
        group = self._groups[agent.group]
        group.remove(agent.agent)
        if not group.members:
            del self._groups[agent.group]
        agent.group = None

    def sweep(self) -> None:
        """Lets go of the agents whose time is over."""
        now = self._now()
        for second in [second for second in self._due if second * 1_000 <= now]:
            for name in self._due.pop(second):
                agent = self._live.get(name)
                if agent is None or agent.due != second:  # it stands elsewhere
                    continue
                if agent.expires_at < now:
                    self._let_go(agent)
                else:
                    self._wait_for(agent)

    def hurry(self, agent: Presence) -> None:
        """Takes note that an agent's time ends sooner than it was noted."""
        if agent.agent in self._live:
            self._wait_for(agent)
            self._arm(anew=self._timer is not None and agent.expires_at < self._rings)

    def _wait_for(self, agent: Presence) -> None:
        agent.due = agent.expires_at // 1_000
        self._due.setdefault(agent.due, []).append(agent.agent)

    def _let_go(self, agent: Presence) -> None:
        del self._live[agent.agent]
        self._ungroup(agent)
        self._ailing.discard(agent.agent)
        self.state ^= agent.digest
        agent.digest, agent.listed = 0, False
        for watch in self._watches:
            watch.gone(agent, self.state)

    def page(self, wanted: Wanted, after: str, limit: int) -> tuple[list[Presence], str | None]:
        """Up to `limit` agents beyond this id that are meant, in order of their ids.

        No more than LOOK agents are looked at. The second part says where to go on; None when there is nobody beyond.
        """
        self.sweep()
        out: list[Presence] = []
        last = after
        for looked, name in enumerate(self._ids(wanted, after)):
            if len(out) == limit or looked == LOOK:
                return out, last
            last = name
            agent = self._live[name]
            if wanted.rest_fits(agent):
                out.append(agent)
        return out, None

    def _ids(self, wanted: Wanted, after: str) -> Iterator[str]:
        """Who may be meant, in order."""
        if wanted.healthy is False:
            names = sorted(name for name in self._ailing if name > after)
            return (name for name in names if wanted.profile_fits(self._live[name].profile))
        groups = [group.after(after) for profile, group in self._groups.items() if wanted.profile_fits(profile)]
        return groups[0] if len(groups) == 1 else heapq.merge(*groups)

    async def find(self, wanted: Wanted, after: str, limit: int) -> tuple[list[Presence], bool]:
        """A whole page, and whether there are more; others get their turn while it looks."""
        out: list[Presence] = []
        at: str | None = after
        while at is not None:
            found, at = self.page(wanted, at, limit + 1 - len(out))
            out += found
            if len(out) > limit:
                return out[:limit], True
            await asyncio.sleep(0)
        return out, False

    def live(self) -> list[Presence]:
        """Every live agent, in no order."""
        self.sweep()
        return list(self._live.values())

    # Watches

    @property
    def watches(self) -> int:
        """How many watch."""
        return len(self._watches)

    def watch(self, wanted: Wanted) -> Watch:
        """A watch over the agents that are meant. Raises: Overloaded when there are too many watches."""
        watch = Watch(wanted.fits, len(self._watches))
        self._watches.add(watch)
        self._arm()
        return watch

    def unwatch(self, watch: Watch) -> None:
        """Ends a watch."""
        self._watches.discard(watch)

    def close(self) -> None:
        """Ends every watch."""
        for watch in self._watches:
            watch.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, *, anew: bool = False) -> None:
        """While somebody watches, an agent that stays away is missed at its time."""
        if anew and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._timer is None and self._watches and self._due:
            self._rings = max(min(self._due) * 1_000, self._now() + 100)
            self._timer = asyncio.get_running_loop().call_later((self._rings - self._now()) / 1_000, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.sweep()
        self._arm()


def _digest(agent: Presence) -> int:
    said = (agent.agent, agent.name, sorted(agent.kinds), sorted(agent.capabilities), agent.labels, agent.checks)
    more = (agent.version, agent.slots, agent.draining)
    body = msgspec.json.encode((said, more), order="deterministic")
    return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest(), "big")
