"""`python -m chaos clones`: agents on a network that loses things, crashes at every step, and copies of some of them.

The control plane is the real one, with its store; the agents' rolling state is the agent's own code with its file.
Between them there is no socket: a request is a call, so that it can be lost on purpose.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chaos.cloned import Box, Lost
from chaos.words import say
from paddock.control.plane import Control
from paddock.core.anomalies import CLONE
from paddock.signer import keeper

EXAMPLE = """\
example: ./dev chaos clones --agents 200 --beats 500

Every beat loses its request or its answer with a chance of 5 % each and is sent again; agents crash before they send,
before they hear and after; the control plane is restarted now and then. None of that may look like a copy. Then state
directories are copied, and started at once or some beats later while their originals go on. Exit 1 when there was a
false alarm, or when a copy was not found.
"""
LOSS, CRASH = 0.05, 0.002
# Beats that a copy and its original get together until the copy counts as missed.
PATIENCE = 200


@dataclass
class Found:
    """What one process found. `beats_until` are, for each copy, beats of both until both were in quarantine."""

    agents: int = 0
    beats: int = 0
    lost: int = 0
    crashes: int = 0
    restarts: int = 0
    false_alarms: int = 0
    clones: int = 0
    missed: int = 0
    beats_until: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What one process does."""

    agents: int
    beats: int
    clones: int
    seed: int
    folder: Path


class Storm:
    """One control plane and its agents."""

    def __init__(self, plan: Plan, signer: str) -> None:
        self._plan = plan
        self._signer = signer
        self._dice = random.Random(plan.seed)
        self._found = Found(agents=plan.agents)
        self._control: Control

    async def run(self) -> Found:
        """The agents beat; then copies of some of them."""
        plan = self._plan
        self._control = await Control.open(plan.folder / "home", signer=self._signer)
        try:
            boxes = [await Box.make(self._control, plan.folder / f"a{number}") for number in range(plan.agents)]
            for beat in range(plan.beats):
                if beat and beat % max(1, plan.beats // 10) == 0:
                    await self._restart()
                for box in boxes:
                    await self._beat(box)
            self._found.false_alarms = len(await self._control.store.anomalies(every=True, most=plan.agents + 1))
            for box in self._dice.sample(boxes, plan.clones):
                await self._copy(box)
        finally:
            await self._control.close()
        return self._found

    async def _restart(self) -> None:
        await self._control.close()
        self._control = await Control.open(self._plan.folder / "home", signer=self._signer)
        self._found.restarts += 1

    async def _beat(self, box: Box) -> None:
        """One beat, sent until it is answered; a crash on the way begins a new session."""
        dice = self._dice
        self._found.beats += 1
        while True:
            if dice.random() < CRASH:  # before it has anything on disk
                self._crash(box)
            body = box.compose()
            if dice.random() < CRASH:  # its nonce is on disk
                self._crash(box)
                continue
            while True:
                if dice.random() >= LOSS:
                    answer = await box.send(self._control, body, dice.random())
                    if dice.random() >= LOSS:
                        break
                self._found.lost += 1
            if dice.random() < CRASH:  # it never hears
                self._crash(box)
                continue
            box.take(answer)
            return

    def _crash(self, box: Box) -> None:
        self._found.crashes += 1
        box.crash()

    async def _copy(self, box: Box) -> None:
        """Starts a copy beside its original, at once or some beats later; both beat in any order from then on."""
        self._found.clones += 1
        box.copy()
        for _ in range(self._dice.randrange(6)):
            await self._beat(box)
        copy = box.twin()
        for beats in range(1, PATIENCE + 1):
            one = self._dice.choice((box, copy))
            try:
                await self._beat(one)
            except Lost:
                one.replaced()
            known = self._control.fleet.get(box.agent)
            assert known is not None
            if known.standing == "quarantined":
                [raised] = [
                    found
                    for found in await self._control.store.anomalies(every=False, most=1_000)
                    if found.agent == box.agent
                ]
                assert raised.type == CLONE
                self._found.beats_until.append(beats)
                return
        self._found.missed += 1


def storm(plan: Plan) -> Found:
    """One process's share."""
    plan.folder.mkdir()
    home = plan.folder / "home"
    with keeper.beside(keeper.plan(home / "keys", None, frozenset({os.getuid()}))) as signer:
        return asyncio.run(Storm(plan, signer.address).run())


def main(words: list[str]) -> int:
    """Runs the storm and prints what it found."""
    parser = argparse.ArgumentParser(
        "./dev chaos clones",
        description="Agents on a bad network, and copies of some of them.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--agents", type=int, default=1_000, help="how many; 1,000 when left out")
    parser.add_argument("--beats", type=int, default=10_000, help="beats of each; 10,000 when left out")
    parser.add_argument("--clones", type=int, default=100, help="how many of them are copied; 100 when left out")
    parser.add_argument("--processes", type=int, default=2, help="how many share them; 2 when left out")
    parser.add_argument("--seed", type=int, help="decides everything; a random one when left out")
    parser.add_argument("--json", action="store_true", help="nothing but the line of JSON on stdout")
    given = parser.parse_args(words)
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    many = max(1, min(given.processes, given.agents))
    if not 0 <= given.clones <= given.agents or min(given.agents, given.beats) < 1:
        parser.error("there are no more copies than agents, and at least one beat of one agent")
    say(f"{given.agents:,} agents, {given.beats:,} beats each, --seed {seed}")
    began = time.monotonic()
    # Where writes cost nothing when there is such a place: nothing of it outlives the storm.
    folder = Path(tempfile.mkdtemp(prefix="paddock-clones-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))  # noqa: S108
    try:
        plans = [
            Plan(
                _share(given.agents, many, at), given.beats, _share(given.clones, many, at), seed + at, folder / str(at)
            )
            for at in range(many)
        ]
        with ProcessPoolExecutor(many) as pool:
            found = list(pool.map(storm, plans))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _tell(found, seed, time.monotonic() - began, quiet=given.json)


def _share(whole: int, parts: int, at: int) -> int:
    return whole * (at + 1) // parts - whole * at // parts


def _tell(parts: list[Found], seed: int, seconds: float, *, quiet: bool) -> int:
    until = sorted(beats for part in parts for beats in part.beats_until)
    sums = {name: sum(getattr(part, name) for part in parts) for name in asdict(parts[0]) if name != "beats_until"}
    median = statistics.median(until) if until else 0
    good = not (sums["false_alarms"] or sums["missed"])
    told = {"ok": good, **sums, "median_beats": median, "most_beats": until[-1] if until else 0, "seed": seed}
    if not quiet:
        print(f"{sums['beats']:,} beats of {sums['agents']:,} agents in {seconds:.0f} s")
        print(
            f"  lost and sent again {sums['lost']:,}, crashes {sums['crashes']:,}, restarts of the control plane "
            f"{sums['restarts']}"
        )
        print(f"  false alarms        {sums['false_alarms']}")
        print(
            f"  copies              {sums['clones']}, missed {sums['missed']}, found after {median:g} beats of both in "
            f"the median, {told['most_beats']} at most"
        )
    print(json.dumps({**told, "seconds": round(seconds, 1)}), flush=True)
    return 0 if good else 1
