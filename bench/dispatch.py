"""How long a job waits for an idle agent: from just before it is submitted to the start of its run."""

import socket
import subprocess
import sys
import time
from pathlib import Path

from bench.commits import fsync_ms
from bench.fleet import Fleet, running
from bench.place import Place, cores
from bench.report import Limit, Report, best, quantile, say

RUNS, SAMPLES, PAUSE_S = 3, 200, 0.05
P50_MS, P99_MS = 4.0, 15.0
_ECHO = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    link, _ = server.accept()
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := link.recv(4096):
        link.sendall(data)
"""


def measure(place: Place) -> Report:
    """One noop job at a time on one idle agent. Every step is on disk before the next: submit, lease, acceptance."""
    runs, samples = (1, 10) if place.quick else (RUNS, SAMPLES)
    server, load = cores()
    found = []
    with running(place, "dispatch", server) as fleet:
        fleet.add_project()
        fleet.add_agent(load)
        sample(fleet, 10)
        for run in range(runs):
            say(f"dispatch: run {run + 1} of {runs}, {samples} jobs")
            found.append(sample(fleet, samples))
        floor = {
            "round_trip_ms_p50": _round_trip_ms(samples),
            "commit_ms_p50": fsync_ms(place.path, samples, PAUSE_S / 2),
        }
    took = best(found, lambda run: max(quantile(run, 0.5) / P50_MS, quantile(run, 0.99) / P99_MS))
    return Report(
        name="dispatch",
        about="submit → start on an idle agent",
        figures={
            "submit_to_start_ms_p50": quantile(took, 0.5),
            "submit_to_start_ms_p99": quantile(took, 0.99),
            "submit_to_start_ms_max": max(took),
        },
        # Submit, wake and beat cross the socket; submit, lease and acceptance are commits.
        floor={**floor, "three_of_each_ms": 3 * (floor["round_trip_ms_p50"] + floor["commit_ms_p50"])},
        budget={"submit_to_start_ms_p50": Limit(most=P50_MS), "submit_to_start_ms_p99": Limit(most=P99_MS)},
        runs=runs,
    )


def sample(fleet: Fleet, samples: int) -> list[float]:
    """Milliseconds from before the POST to the run's start, job by job."""
    submitted: dict[str, int] = {}
    for at in range(samples):
        began = time.time_ns() // 1_000
        jobs = [{"id": f"d{at}", "kind": "noop", "payload": {}}]
        made = fleet.post("/v1/jobs", {"project": "bench", "jobs": jobs})
        submitted[made["jobs"][0]["id"]] = began
        time.sleep(PAUSE_S)
    return [(_began_us(fleet, job) - began) / 1_000 for job, began in submitted.items()]


def _began_us(fleet: Fleet, job: str) -> int:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = fleet.get(f"/v1/jobs/{job}")
        if found["state"] == "done":
            return int(found["attempts"][-1]["result"]["began_us"])
        time.sleep(0.02)
    raise RuntimeError(f"job {job} was not done in time; it is {found['state']}")


def _round_trip_ms(samples: int) -> float:
    return quantile(echoes_ms(samples, PAUSE_S / 2), 0.5)


def echoes_ms(samples: int, pause_s: float) -> list[float]:
    """Milliseconds that some hundred bytes take to a process that waits and back, one after the other, with pauses."""
    with subprocess.Popen([sys.executable, "-c", _ECHO], stdout=subprocess.PIPE, cwd=Path("/")) as echo:
        assert echo.stdout is not None
        took = []
        with socket.create_connection(("127.0.0.1", int(echo.stdout.readline()))) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(samples):
                time.sleep(pause_s)
                began = time.perf_counter()
                link.sendall(b"x" * 400)
                link.recv(4096)
                took.append((time.perf_counter() - began) * 1e3)
    return took
