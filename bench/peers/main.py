"""`./dev bench peers [--only NAME,…] [--jobs N] [--rounds N] [--json]`: Paddock beside the queues that others pick."""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.peers import floors, paddock, report, run
from bench.peers.environments import CannotInstall
from bench.peers.figures import Figures, Sizes
from bench.peers.process import PeerFailed
from bench.peers.services import NoServer, Services
from bench.peers.table import PADDOCK, PEERS, Peer
from bench.place import Place, temporary
from bench.report import say

ROUNDS, MINUTES = 3, 15.0
_FAULTS = (PeerFailed, CannotInstall, NoServer, RuntimeError, OSError)


class Run:
    """Rounds over the chosen peers, one peer after the other, so that what disturbs the machine disturbs all."""

    def __init__(self, place: Place, services: Services, sizes: Sizes, peers: Sequence[Peer]) -> None:
        self._place = place
        self._services = services
        self._sizes = sizes
        self._peers = peers
        self._found: dict[str, list[Figures]] = {peer.name: [] for peer in peers}
        self._reasons: dict[str, str] = {}
        self._folders = 0
        self._deadline = time.monotonic() + MINUTES * 60 - sizes.longest_s

    def round(self) -> None:
        """Measures each peer once, also one that failed in an earlier round."""
        for peer in self._peers:
            began = time.monotonic()
            try:
                if began > self._deadline:
                    raise PeerFailed("no time was left for it in this run")
                with self._services.fresh(peer.service) as address:
                    found = self._measure(peer, address)
                self._found[peer.name].append(found)
                said = f"{found.end_to_end:,.0f} jobs/s"
            except _FAULTS as error:
                said = self._reasons[peer.name] = " ".join(str(error).split())[:300] or type(error).__name__
            say(f"peers: {peer.name}: {said} ({time.monotonic() - began:.0f} s)")

    def _measure(self, peer: Peer, address: str) -> Figures:
        self._folders += 1
        folder = self._place.folder(f"{self._folders}")
        if peer.name in PADDOCK:
            return paddock.measure(address, Place(folder), self._sizes)
        return run.measure(peer, address, folder, self._sizes)

    def rows(self) -> list[report.Row]:
        """What was found."""
        rows = [report.row(peer, self._found[peer.name], self._reasons.get(peer.name, "")) for peer in self._peers]
        return report.with_ratios(rows)

    def floors(self) -> dict[str, dict[str, float]]:
        """The floors that are to be had."""
        with self._services.fresh("postgres") as address:
            found = floors.stores(self._place.folder("raw"), address)
        found["bare HTTP requests"] = floors.http(Place(self._place.folder("http")))
        found["bare socket, there and back"] = floors.socket()
        return {name: {part: round(value, 2) for part, value in floor.items()} for name, floor in found.items()}


def measure(peers: Sequence[Peer], sizes: Sizes, rounds: int) -> dict[str, Any]:
    """The whole document. No round begins that would probably not end within the time that a run has."""
    began = time.monotonic()
    load = [round(os.getloadavg()[0], 1)]
    with temporary(quick=False) as place, ExitStack() as stack:
        services = Services(stack)
        work = Run(place, services, sizes, peers)
        for at in range(rounds):
            if at and (time.monotonic() - began) * (at + 1) / at > MINUTES * 60:
                say(f"peers: no time for round {at + 1}")
                break
            say(f"peers: round {at + 1} of {rounds}")
            work.round()
        found = work.floors()
    load.append(round(os.getloadavg()[0], 1))
    machine = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        **services.versions,
        "load_before_and_after": load,
        "seconds": round(time.monotonic() - began),
    }
    return {"name": "peers", "machine": machine, "rows": work.rows(), "floors": found}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main(words: Sequence[str]) -> int:
    """Runs what was asked for; exit code 1 when a peer has no row."""
    parser = argparse.ArgumentParser(
        "./dev bench peers",
        description="Paddock beside other queues: the same jobs, the same machine, one run of at most a quarter hour.",
        epilog=f"peers: {', '.join(peer.name for peer in PEERS)}. Example: ./dev bench peers --only pg-boss,bullmq",
    )
    parser.add_argument("--only", metavar="NAME,…", help="these peers, and Paddock")
    parser.add_argument("--jobs", type=int, default=Sizes.jobs, metavar="N", help="jobs of a flood (%(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help="rounds, of which medians are told")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    given = parser.parse_args(words)
    peers = _chosen(given.only, parser)
    if given.jobs < 1 or given.rounds < 1:
        parser.error("--jobs and --rounds are at least 1")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    document = measure(peers, replace(Sizes(), jobs=given.jobs), given.rounds)
    print(json.dumps(document) if given.json else report.table(document), flush=True)
    return 1 if any(not row["rounds"] for row in document["rows"]) else 0


def _chosen(only: str | None, parser: argparse.ArgumentParser) -> Sequence[Peer]:
    if only is None:
        return PEERS
    names = set(only.split(","))
    unknown = names - {peer.name for peer in PEERS}
    if unknown:
        parser.error(f"there is no peer {min(unknown)!r}; there are: {', '.join(peer.name for peer in PEERS)}")
    return [peer for peer in PEERS if peer.name in names or peer.name in PADDOCK]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
