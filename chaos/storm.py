"""The storm: a fleet under load, one fault after the other, and a look at the books when it is over."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from chaos import faults
from chaos.audit import audit, drained
from chaos.fleet import Fleet
from chaos.load import Load
from chaos.place import held, sweep
from chaos.recovery import Probe, Recovery
from chaos.report import Report
from chaos.words import Trouble, say
from paddock.client import ClientError

# Seconds of calm before the first fault and between two; and between two lines that say how things stand, of which an
# answer may take the second part.
CALM_S, TELL_S, ANSWER_S = 3.0, 3.0, 1.0


@dataclass(frozen=True)
class Plan:
    """What to run; `per_s` is jobs a second."""

    seconds: float
    seed: int
    replicas: int = 3
    agents: int = 4
    per_s: float = 30.0
    # Kinds of faults; every kind when empty.
    kinds: tuple[str, ...] = ()
    # Where what the processes say is kept; with everything else, and gone afterwards, when left out.
    logs: Path | None = None


class Teller:
    """A thread that says now and then how things stand; `doing` is what the storm is at."""

    def __init__(self, fleet: Fleet, load: Load) -> None:
        self.doing = "warming up"
        self._ask = fleet.ask(timeout=ANSWER_S, patience=0.0)
        self._load = load
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)

    def __enter__(self) -> "Teller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(TELL_S):
            try:
                counts = self._ask.get("/v1/fleet")["jobs"]
                stand = f"{counts.get('done', 0):,} done, {sum(counts.get(s, 0) for s in ('ready', 'leased')):,} open"
            except ClientError as error:
                stand = f"no answer ({error.message})"
            tally = self._load.tally
            say(f"{len(tally.offered):,} asked for, {stand}, {len(self._load.doubts())} answers lost; {self.doing}")


def run(plan: Plan) -> Report:
    """A whole storm. Raises: Trouble when it cannot be had."""
    sweep()
    with (
        held() as place,
        Fleet(place, plan.replicas, plan.agents, plan.logs) as fleet,
        Load(fleet.ask(patience=0.0), plan.per_s) as load,
        Teller(fleet, load) as teller,
    ):
        began = time.monotonic()
        recoveries: list[Recovery] = []
        ended = ""
        try:
            _rage(plan, fleet, load, teller, recoveries)
        except Trouble as trouble:
            ended = str(trouble)
            say(f"the storm ends early: {ended}")
        seconds = time.monotonic() - began
        load.stop()
        teller.doing = "waiting until all jobs are done"
        if not drained(fleet, load, time.sleep):
            say("not everything was done in time")
        teller.doing = "reading the books"
        return Report(plan.seed, seconds, load.tally, audit(fleet, load.tally), recoveries, ended)


def _rage(plan: Plan, fleet: Fleet, load: Load, teller: Teller, recoveries: list[Recovery]) -> None:
    """Fault after fault until the time is over. Raises: Trouble when something does not come back."""
    end = time.monotonic() + plan.seconds

    def tell(what: str) -> None:
        teller.doing = what

    probe = Probe(fleet, time.sleep, tell)
    time.sleep(CALM_S)
    probe.through_each()
    for number, fault in enumerate(faults.sequence(plan.seed, fleet, plan.kinds), 1):
        if time.monotonic() + fault.seconds > end:
            return
        words = fault.words(fleet)
        teller.doing = f"fault {number}: {words}, for {fault.seconds:.0f} s"
        say(f"fault {number}: {words}, for {fault.seconds:.1f} s")
        began, healed = faults.struck(fault, fleet, time.sleep)
        doubts = load.doubts()
        found = probe.watch(fault, began, healed)
        load.settle(doubts)
        recoveries.append(found)
        say(f"fault {number}: healed; works again after {found.works:.2f} s, whole again after {found.whole:.2f} s")
        teller.doing = "calm"
        time.sleep(CALM_S)
