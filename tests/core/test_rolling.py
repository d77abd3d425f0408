"""The state that rolls with the beats: no loss, delay or crash looks like a copy, and every copy is found."""

import random
import statistics
from dataclasses import dataclass, field

import pytest

from paddock.core.rolling import Held, Holder, Roll, Verdict, judge, step

LOSS, CRASH, OUTAGE = 0.05, 0.02, 0.001
AGENTS, BEATS, CLONES = 1_000, 60, 100
START = "0."


def text(held: Held) -> str:
    return f"{held.number}.{held.made}"


def held(state: str) -> Held:
    number, made = (state or START).split(".")
    return Held(int(number), made)


@dataclass
class Server:
    """What one control plane knows of one agent: in memory, and on disk as of the last boot."""

    known: Roll = field(default_factory=Roll)
    kept: Roll = field(default_factory=Roll)

    def beat(self, state: str, nonce: str, *, boots: bool) -> str | None:
        """The next state; None for an alarm."""
        shown = held(state)
        verdict = judge(self.known, shown, nonce)
        if verdict is Verdict.CLONE:
            return None
        if verdict is Verdict.ONWARD:
            self.known = step(shown, nonce)
            if boots:
                self.kept = self.known
        return text(Held(self.known.number, self.known.made))

    def restart(self) -> None:
        self.known = self.kept


class Process:
    """One holder of a state directory: what it has written ahead, and what it knows beyond that."""

    def __init__(self, dice: random.Random, disk: Holder) -> None:
        self.dice, self.disk = dice, disk
        self.boot()

    def boot(self) -> None:
        self.holder = Holder(self.disk.state, self.disk.nonce)
        self.boots = True

    def copy(self) -> "Process":
        return Process(self.dice, Holder(self.disk.state, self.disk.nonce))

    def beat(self, server: Server, *, lossy: bool = True) -> bool:
        """One beat, sent until it is answered; False for an alarm. It may crash at any point of it."""
        while True:
            state, nonce = self.holder.ahead(f"{self.dice.getrandbits(48):012x}")
            self.disk = Holder(state, nonce)
            for _ in range(1 + lossy * (self.dice.random() < LOSS)):  # a proxy may send a request twice
                if lossy and self.dice.random() < LOSS:
                    continue  # the request is lost
                answer = server.beat(state, nonce, boots=self.boots)
                if answer is None:
                    return False
                if lossy and self.dice.random() < CRASH:
                    self.boot()
                    break
                if not lossy or self.dice.random() >= LOSS:
                    self.holder.answered(answer)
                    self.boots = False
                    return True
            if lossy and self.dice.random() < CRASH:
                self.boot()
            if lossy and self.dice.random() < OUTAGE:
                server.restart()


@pytest.mark.parametrize("seed", [1])
def test_a_thousand_agents_on_a_bad_network_raise_no_alarm_and_their_copies_do(seed: int) -> None:
    dice = random.Random(seed)
    fleet = [(Process(dice, Holder()), Server()) for _ in range(AGENTS)]
    for _ in range(BEATS):
        for agent, server in fleet:
            assert agent.beat(server)
            if dice.random() < OUTAGE:
                server.restart()
    taken = []
    for agent, server in dice.sample(fleet, CLONES):
        clone = agent.copy()
        for _ in range(dice.randrange(4)):  # the copy is started at once, or some time later
            assert agent.beat(server)
        pair, beats = [agent, clone], 0
        dice.shuffle(pair)
        while pair[beats % 2].beat(server):
            beats += 1
            assert beats < 40
        taken.append(beats + 1)
    assert statistics.median(taken) <= 3


def test_a_late_copy_of_a_request_is_answered_as_it_was() -> None:
    known = step(Held(0, ""), "aa")
    assert judge(known, Held(0, ""), "aa") is Verdict.AGAIN
    assert judge(known, Held(0, ""), "bb") is Verdict.CLONE
    assert judge(known, Held(1, "aa"), "bb") is Verdict.ONWARD


def test_two_who_rolled_the_same_state_apart_are_told_from_each_other() -> None:
    one = step(Held(4, "cc"), "aa")
    assert judge(one, Held(5, "bb"), "dd") is Verdict.CLONE
    assert judge(one, Held(3, "xx"), "yy") is Verdict.CLONE
    assert judge(one, Held(9, "zz"), "yy") is Verdict.ONWARD  # rolled elsewhere meanwhile
