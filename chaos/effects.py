"""Jobs whose effects can be counted: each writes one line for each of its steps into its own state.

A step reads the lines and writes them back with one more, without compare-and-set: only the fence keeps an attempt
that was replaced from writing over its successor. So a fence that leaks shows as a step that is missing or there twice.
"""

import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from chaos.fleet import SOURCE

STEPS, STEP_S = 5, 0.3
KEY = "steps"
# Tries of a job that cannot reach its state for longer than its client is patient.
_TRIES = 20

_SCRIPT = f"""
import os, sys, time
sys.path.insert(0, {str(SOURCE)!r})
from paddock import state

for step in range({STEPS}):
    done = state.get_json({KEY!r}, [])
    if len(done) <= step:
        time.sleep({STEP_S})
        state.put_json({KEY!r}, [*done, [step, int(os.environ["PADDOCK_EPOCH"])]])
"""


def job(name: str) -> dict[str, Any]:
    """One such job, as a batch has it."""
    return {"id": name, "payload": {"argv": [sys.executable, "-c", _SCRIPT]}, "max_attempts": _TRIES}


def doubled(lines: Sequence[Sequence[int]]) -> int:
    """How many steps were done more than once."""
    steps = [step for step, _ in lines]
    return len(steps) - len(set(steps))


def missing(lines: Sequence[Sequence[int]]) -> int:
    """How many steps left nothing, or were undone by an attempt that had been replaced."""
    epochs = [epoch for _, epoch in lines]
    return len(set(range(STEPS)) - {step for step, _ in lines}) + sum(
        later < earlier for earlier, later in pairwise(epochs)
    )
