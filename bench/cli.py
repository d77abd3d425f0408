"""How long the command line takes to say its help, beside the interpreter it runs on."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.place import Place
from bench.report import Limit, Report, best

RUNS, SAMPLES = 3, 20


def measure(place: Place) -> Report:
    """Medians of interleaved starts; wall milliseconds from fork to exit."""
    runs, samples = (1, 3) if place.quick else (RUNS, SAMPLES)
    paddock = str(Path(sys.executable).with_name("paddock"))
    found = best([_run(paddock, samples) for _ in range(runs)], lambda run: run["ratio"])
    return Report(
        name="cli",
        about="`paddock --help` beside `python3 -c pass`",
        figures={"help_ms_median": found["help"], "ratio": found["ratio"]},
        floor={"python_pass_ms_median": found["floor"]},
        budget={"ratio": Limit(most=5.0)},
        runs=runs,
    )


def _run(paddock: str, samples: int) -> dict[str, float]:
    helps, passes = [], []
    for _ in range(samples):
        helps.append(_wall_ms([paddock, "--help"]))
        passes.append(_wall_ms([sys.executable, "-c", "pass"]))
    told, floor = statistics.median(helps), statistics.median(passes)
    return {"help": told, "floor": floor, "ratio": told / floor}


def _wall_ms(argv: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1e3
