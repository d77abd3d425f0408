"""What can go wrong: one row for each kind, with how it is done, how it is undone, and how long it lasts."""

import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from chaos.fleet import Fleet

Deed = Callable[[Fleet, int], None]


@dataclass(frozen=True)
class Kind:
    """`strike` and `heal` get the number of what is struck, among as many as `among` says; `lasts` is in seconds."""

    about: str
    strike: Deed
    heal: Deed
    lasts: tuple[float, float]
    among: Callable[[Fleet], int] = lambda fleet: len(fleet.replicas)
    # Healed at the moment when the deed is over, and not when it begins: a server's own start is not Paddock's.
    server: bool = False


@dataclass(frozen=True)
class Fault:
    """One fault to come."""

    kind: str
    number: int
    seconds: float

    def words(self, fleet: Fleet) -> str:
        """The fault in a few words."""
        row = KINDS[self.kind]
        return row.about.format(n=self.number + 1 if row.among(fleet) > 1 else "")


def _one(_fleet: Fleet) -> int:
    return 1


def _agents(fleet: Fleet) -> int:
    return len(fleet.agents)


KINDS: dict[str, Kind] = {
    "kill_replica": Kind(
        "replica {n} is killed with -9",
        lambda fleet, n: fleet.replicas[n].kill(),
        lambda fleet, n: fleet.start_replica(n),
        (1, 6),
    ),
    "pause_replica": Kind(
        "replica {n} hangs (SIGSTOP)",
        lambda fleet, n: fleet.replicas[n].send(signal.SIGSTOP),
        lambda fleet, n: fleet.replicas[n].send(signal.SIGCONT),
        (5, 20),
    ),
    "cut_replica": Kind(
        "replica {n} is cut from PostgreSQL and Redis; packets vanish",
        lambda fleet, n: fleet.network.cut(n),
        lambda fleet, n: fleet.network.join(n),
        (5, 20),
    ),
    "cut_store": Kind(
        "replica {n} is cut from PostgreSQL alone; packets vanish",
        lambda fleet, n: fleet.network.cut_store(n),
        lambda fleet, n: fleet.network.join_store(n),
        (5, 20),
    ),
    "empty_redis": Kind(
        "Redis is killed with -9 and comes back empty",
        lambda fleet, _: fleet.bus.kill(),
        lambda fleet, _: fleet.start_server(fleet.bus),
        (1, 6),
        _one,
        server=True,
    ),
    "stop_postgres": Kind(
        "PostgreSQL is shut down fast",
        lambda fleet, _: fleet.store.stop(),
        lambda fleet, _: fleet.start_server(fleet.store),
        (1, 6),
        _one,
        server=True,
    ),
    "kill_postgres": Kind(
        "PostgreSQL's postmaster is killed with -9",
        lambda fleet, _: fleet.store.kill(),
        lambda fleet, _: fleet.start_server(fleet.store),
        (1, 6),
        _one,
        server=True,
    ),
    "kill_agent": Kind(
        "agent {n} is killed with -9",
        lambda fleet, n: fleet.kill_agent(n),
        lambda fleet, n: fleet.start_agent(n),
        (1, 6),
        _agents,
    ),
}


def sequence(seed: int, fleet: Fleet, kinds: Sequence[str] = ()) -> Iterator[Fault]:
    """Faults without end, by the seed alone: every kind, or these, once in random order, then again in another."""
    dice = random.Random(seed)
    chosen = sorted(set(kinds) or KINDS)
    while True:
        for kind in dice.sample(chosen, len(chosen)):
            row = KINDS[kind]
            yield Fault(kind, dice.randrange(row.among(fleet)), dice.uniform(*row.lasts))


def struck(fault: Fault, fleet: Fleet, wait: Callable[[float], None]) -> tuple[float, float]:
    """Makes a fault happen, waits, and heals it, whatever happens meanwhile; when it began and was healed.

    Both are epoch seconds.
    """
    row = KINDS[fault.kind]
    began = time.time()
    row.strike(fleet, fault.number)
    try:
        wait(fault.seconds)
    finally:
        healed = time.time()
        row.heal(fleet, fault.number)
    return began, time.time() if row.server else healed
