"""`python -m chaos scale [--minutes 10] [--seed N] [--json]`: a storm, and what was left of the jobs in it.

Exit 0 when nothing is wrong, 1 when something is, 2 when this machine cannot have a storm.
"""

import argparse
import contextlib
import os
import random
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from chaos import clones, findings, loop, needs, queue
from chaos.faults import KINDS
from chaos.storm import Plan, run
from chaos.words import Trouble, say
from support.programs import FROM

EXAMPLE = """\
example: ./dev chaos scale --minutes 3 --seed 7

Three replicas, each in a network namespace of its own, on a real PostgreSQL and a real Redis, with four agents behind a
balancer and thirty jobs a second. One fault after the other, in an order that the seed decides: replicas are killed,
hang, and are cut from the database; the servers are shut down and killed; agents are killed. Afterwards every job must
be done exactly once. Needs root, for the namespaces. How things stand goes to stderr; the last line of stdout is JSON.
"""


def main(words: list[str]) -> int:
    """Runs a storm and prints what it found."""
    others = {"loop": loop.main, "queue": queue.main, "findings": findings.main, "clones": clones.main}
    other = others.get(words[0] if words else "")
    if other is not None:
        return other(words[1:])
    parser = argparse.ArgumentParser(
        "./dev chaos",
        description="Storms over real parts.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "storm",
        choices=["scale", "loop", "queue", "findings", "clones"],
        help="scale: three replicas on PostgreSQL and Redis; loop: kills while changes are made; queue: many changes "
        "of one file; findings: planted defects and a fixer that lies; clones: copied agents on a bad network; --help "
        "behind each says more",
    )
    parser.add_argument("--minutes", type=_between(0.01, 1_440), default=10.0, help="how long; 10 when left out")
    parser.add_argument("--seed", type=int, help="decides the order of faults; a random one when left out")
    parser.add_argument("--rate", type=_between(4, 400), default=30.0, help="jobs a second; 30 when left out")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=KINDS,
        metavar="KIND",
        help=f"these kinds alone: {', '.join(KINDS)}; once for each",
    )
    parser.add_argument("--logs", type=Path, metavar="DIRECTORY", help="where what the processes said is kept")
    parser.add_argument("--json", action="store_true", help="nothing but the line of JSON on stdout")
    given = parser.parse_args(words)
    needs.check(shlex.join(["./dev", "chaos", *words]))
    seed = random.randrange(1_000_000) if given.seed is None else given.seed
    say(f"{given.minutes:g} minutes, --seed {seed}")
    if given.logs:
        given.logs.mkdir(parents=True, exist_ok=True)
    kinds, logs = tuple(given.only), given.logs.resolve() if given.logs else None
    report = run(Plan(seconds=given.minutes * 60, seed=seed, per_s=given.rate, kinds=kinds, logs=logs))
    if not given.json:
        print(report.table())
    print(report.json(), flush=True)
    return 0 if report.good else 1


def _between(least: float, most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        with contextlib.suppress(ValueError):
            if least <= (found := float(text)) <= most:
                return found
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {least:g} to {most:g}")

    return number


def _interrupt(_number: int, _frame: object) -> None:
    """Once is enough: what is being tidied up is not to be left half done."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    say("interrupted; tidying up")
    raise KeyboardInterrupt


if __name__ == "__main__":
    # What a user's shell says of a fleet must not lead the storm to it.
    for variable in [name for name in os.environ if name.startswith("PADDOCK_") and name != FROM]:
        del os.environ[variable]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        code = main(sys.argv[1:])
    except (Trouble, AssertionError) as error:
        say(str(error))
        code = 2
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
