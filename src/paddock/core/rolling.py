"""State that rolls with the beats: of two who hold one agent's state directory, one is found when both have beaten.

Each side is a rule without I/O. The agent writes a nonce to disk before it sends it with the state that it holds, and
takes the same nonce again until it has an answer; the control plane answers a state and its nonce with the next state.
A request or an answer that is lost, sent twice or cut short by a crash only ever shows the same nonce again. The same
state with another nonce, or one that was left behind, is somebody who has not lived through what the other one has.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Held(NamedTuple):
    """A state as an agent shows it: how many came before, and the nonce that made it."""

    number: int
    made: str


class Roll(NamedTuple):
    """What the control plane knows: the state to be shown next, by number and nonce, and the nonce before it."""

    number: int = 0
    made: str = ""
    before: str = ""


class Verdict(StrEnum):
    """What a shown state tells. `onward` may also be news of a step that was answered elsewhere."""

    ONWARD = "onward"
    AGAIN = "again"
    CLONE = "clone"


def judge(known: Roll, shown: Held, nonce: str) -> Verdict:
    """Holds a state that is known to be ours, and the nonce shown with it, against what is known.

    A higher number than the known one is believed: this process restarted, or another one answered meanwhile.
    """
    if shown.number > known.number or shown == (known.number, known.made):
        return Verdict.ONWARD
    if shown == (known.number - 1, known.before) and nonce == known.made:
        return Verdict.AGAIN
    return Verdict.CLONE


def step(shown: Held, nonce: str) -> Roll:
    """What is known once this state was rolled on with this nonce."""
    return Roll(shown.number + 1, nonce, shown.made)


@dataclass
class Holder:
    """The agent's side. What `ahead` returns must be on disk before it is sent; a crash falls back to what is there."""

    state: str = ""
    # Written down and not answered yet.
    nonce: str = ""

    def ahead(self, fresh: str) -> tuple[str, str]:
        """The state and the nonce to send: the one that is not answered, else this fresh one."""
        self.nonce = self.nonce or fresh
        return self.state, self.nonce

    def answered(self, state: str) -> None:
        """Takes over the next state."""
        self.state, self.nonce = state, ""
