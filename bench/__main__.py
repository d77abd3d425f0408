"""`python -m bench [--json] [--quick] [--full] [NAME…]`: measures the budgets. Exit code 1 when one is missed."""

import argparse
import importlib
import os
import signal
import sys
import time

from bench.place import temporary
from bench.report import Report, say

# What runs, in this order; each is a module of this folder.
BENCHES = ("cli", "agent_memory", "dispatch", "jobs", "beats", "worktrees", "fence", "wake", "idle", "growth", "git")


def main() -> int:
    """Runs what was named, or everything; one JSON object a line with --json. `peers` and `git` have own words."""
    if sys.argv[1:2] == ["peers"]:
        from bench.peers.main import main as peers

        return peers(sys.argv[2:])
    if sys.argv[1:2] == ["git"]:
        from bench.git import main as git

        return git(sys.argv[2:])
    parser = argparse.ArgumentParser("./dev bench", description="Measures the budgets on real parts.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(BENCHES)}; or: peers")
    parser.add_argument("--json", action="store_true", help="one JSON object per bench, one per line")
    parser.add_argument("--quick", action="store_true", help="a smoke run; its figures mean nothing and miss nothing")
    parser.add_argument(
        "--full", action="store_true", help="growth: also ten million finished jobs; gigabytes, minutes"
    )
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no bench {unknown[0]!r}; there are: {', '.join(BENCHES)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    missed: list[str] = []
    for name in given.names or BENCHES:
        began = time.monotonic()
        report = run(name, quick=given.quick, full=given.full)
        say(f"{name}: {time.monotonic() - began:.0f} s")
        print(report.json().decode() if given.json else report.table(), flush=True)
        missed += [f"{name}.{figure}" for figure in report.missed]
    if missed:
        say(f"missed: {', '.join(missed)}")
    return 1 if missed and not given.quick else 0


def run(name: str, *, quick: bool, full: bool = False) -> Report:
    """One bench in a place of its own."""
    with temporary(quick=quick, full=full) as place:
        report: Report = importlib.import_module(f"bench.{name}").measure(place)
        return report


if __name__ == "__main__":
    # What a user's shell says of a fleet must not lead a bench to it.
    for variable in [name for name in os.environ if name.startswith("PADDOCK_")]:
        del os.environ[variable]
    try:
        code = main()
    except KeyboardInterrupt:
        say("interrupted")
        code = 130
    sys.exit(code)
