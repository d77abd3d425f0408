"""What an idle agent costs its host."""

import subprocess
import sys
import time
from pathlib import Path

import msgspec

from bench.fleet import running
from bench.place import Place, cores
from bench.proc import memory_mb
from bench.report import Limit, Report, best, say

RUNS, BEATS, BEAT_S = 3, 5, 0.5


def measure(place: Place) -> Report:
    """Memory of an agent process after a few beats; the floor is an interpreter that waits."""
    runs, beats = (1, 1) if place.quick else (RUNS, BEATS)
    found = best([_run(place, f"memory-{run}", beats) for run in range(runs)], lambda run: run["rss_mb"])
    return Report(
        name="agent_memory",
        about="an idle agent process",
        figures=found,
        floor={f"python_{name}": value for name, value in _interpreter().items()},
        budget={"rss_mb": Limit(most=35.0)},
        runs=runs,
    )


def _run(place: Place, name: str, beats: int) -> dict[str, float]:
    server, load = cores()
    with running(place, name, server, beat_s=BEAT_S) as fleet:
        say(f"{name}: an agent beats {beats} times")
        state = fleet.add_agent(load)
        _wait_for_beats(state, beats)
        return memory_mb(fleet.agent_pids[0])


def _wait_for_beats(state: Path, beats: int) -> None:
    deadline = time.monotonic() + 30
    while msgspec.json.decode((state / "status.json").read_bytes()).get("seq", 0) < beats:
        if time.monotonic() > deadline:
            raise RuntimeError("the agent does not beat")
        time.sleep(BEAT_S / 5)


def _interpreter() -> dict[str, float]:
    code = "import sys; sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        return memory_mb(process.pid)
