"""`paddock demo`: the whole way, from jobs to merged changes, on a sample repository or on your own."""

import argparse
import contextlib
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from paddock.cli import args, demo_input, out
from paddock.cli.demo_run import Demo, Result
from paddock.cli.local_fleet import LocalFleet, Plan

EXAMPLE = """\
paddock demo
paddock demo --repo ./shop --jobs jobs.yaml --check "python3 -m pytest -q --junitxml={junit}\""""
BEAT_SECONDS, LEASE_SECONDS, DRAIN_SECONDS = 2.0, 15.0, 1.0


def main(verb: str, words: list[str]) -> int:
    """Exit code 0 when every job's work stands on the branch exactly once, or waits for a person with --no-approve."""
    found = args.read(_parser(verb), words)
    settings = args.settings_of(found)
    found.keep = found.keep or found.no_approve  # what waits at the gate must be there to be decided on
    demo_input.check_words(found)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(_home(found.keep))
        task = demo_input.prepare(found, home)
        demo_input.check_host(home, settings.allow_degraded)
        if settings.allow_degraded:
            demo_input.let_run_uncontained(task.batch)
        port = demo_input.port(settings.host, settings.port if "port" in args.given(found) else None)
        plan = Plan(
            home=home,
            host=settings.host,
            port=port,
            agents=found.agents,
            beat_seconds=BEAT_SECONDS,
            lease_seconds=LEASE_SECONDS,
            drain_seconds=DRAIN_SECONDS,
            agent_words=("--allow-degraded",) if settings.allow_degraded else (),
        )
        say = out.note if found.json else out.line
        say(f"{task.about}; {found.agents} agents, home {home}")
        with LocalFleet(plan, say) as fleet:
            result = Demo(fleet, task, approve=not found.no_approve, say=say, live=_live(found)).run()
        _end(result, found, home, say)
    return result.exit_code


def _parser(verb: str) -> args.Parser:
    parser = args.for_verb(verb, EXAMPLE)
    parser.add_argument("--repo", metavar="PATH_OR_URL", help="your repository; a sample one is made when left out")
    parser.add_argument("--jobs", metavar="FILE", help="your batch of jobs, in YAML, JSON or TOON; - for stdin")
    parser.add_argument("--agents", type=args.whole(1), default=4, metavar="N", help="how many agents (4)")
    parser.add_argument("--branch", help="the branch that moves; the repository's default when left out")
    parser.add_argument(
        "--check", action="append", default=[], metavar="COMMAND", help="must pass before a change merges; repeatable"
    )
    parser.add_argument("--no-approve", action="store_true", help="stop at the gate and keep what waits there")
    parser.add_argument("--keep", action="store_true", help="keep the home, and the sample repository, afterwards")
    args.add_settings(parser, "port", "allow_degraded")
    return parser


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _live(found: argparse.Namespace) -> bool:
    return not found.json and out.colours()


@contextlib.contextmanager
def _home(keep: bool) -> Iterator[Path]:
    """A fresh home that the jobs' user can walk through; gone afterwards unless it is to be kept."""
    from paddock.sandbox import can_reach, delete_rubbish, job_user
    from paddock.workspace.layout import workspace_root

    # A closed TMPDIR would keep jobs that run as another user out of their worktrees.
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108  (a fresh directory of our own)
    base = next((place for place in places if place.is_dir() and can_reach(place / "x", job_user())), places[0])
    home = Path(tempfile.mkdtemp(prefix="paddock-demo-", dir=base))
    home.chmod(0o711)
    try:
        yield home
    finally:
        if not keep:
            root = workspace_root(home / "work")
            for place in {home, root} if root.is_relative_to("/var/lib/paddock") else {home}:
                delete_rubbish(place)


def _end(result: Result, found: argparse.Namespace, home: Path, say: Any) -> None:
    """The last words: what happened, what went wrong, where to look."""
    for problem in result.problems:
        say(f"  {problem['name']} is {problem['state']}: {out.plain(problem['why'])}")
    say(result.summary())
    if result.waiting:
        say(f"  branches paddock/<job> in {result.repo} hold what waits for a person")
    if found.keep:
        then = "; then paddock review list" if result.waiting else ""
        say(f"  kept: {home}  (go on with: paddock up --home {home} --agents {found.agents}{then})")
    if found.json:
        out.line(result.as_json(home if found.keep else None))
