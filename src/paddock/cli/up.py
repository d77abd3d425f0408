"""`paddock up`: a control plane and agents on this machine."""

import signal
import time
from typing import Any, NoReturn

from paddock.cli import args, out
from paddock.cli.local_fleet import LocalFleet, Plan
from paddock.core.errors import PaddockError

EXAMPLE = "paddock up --agents 4"
# The beat of a fleet on one machine.
BEAT_SECONDS = 5.0
LOOK = 0.25
SHOW = 1.0


class Stopped(Exception):
    """Someone asked the fleet to stop."""


def main(verb: str, words: list[str]) -> int:
    """Runs until SIGINT or SIGTERM, then hands back what runs and stops everything; that is exit code 0."""
    parser = args.for_verb(verb, EXAMPLE)
    parser.add_argument("--agents", type=args.whole(0), default=2, metavar="N", help="how many agents (2)")
    args.add_settings(parser, "host", "port", "auth", "beat_seconds", "lease_seconds", "slots", "drain_seconds")
    args.add_settings(parser, "allow_degraded", "log_level")
    found = args.read(parser, words)
    settings = args.settings_of(found, beat_seconds=BEAT_SECONDS, drain_seconds=10.0)
    plan = Plan(
        home=settings.home,
        host=settings.host,
        port=settings.port,
        agents=found.agents,
        beat_seconds=settings.beat_seconds,
        lease_seconds=settings.lease_seconds,
        drain_seconds=settings.drain_seconds,
        auth=settings.auth,
        agent_words=("--slots", str(settings.slots), *(["--allow-degraded"] if settings.allow_degraded else [])),
    )
    say = out.note if found.json else out.line
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with LocalFleet(plan, say) as fleet:
            if found.json:
                out.dump({"page": plan.server, "home": str(plan.home), "agents": plan.agents})
            say(f"paddock is up: {plan.server}  (home {plan.home}, Ctrl-C stops it)")
            if plan.auth == "people" and not fleet.api.get("/v1/people"):
                say("nobody can log in yet: paddock people add NAME --role owner")
            _watch(fleet, Lines(say))
    except Stopped:
        say("stopped")
    return 0


def _stop(_number: int, _frame: object) -> NoReturn:
    raise Stopped


def _watch(fleet: LocalFleet, lines: "Lines") -> NoReturn:
    shown = 0.0
    while True:
        fleet.tend()
        if time.monotonic() - shown >= SHOW:
            shown = time.monotonic()
            try:
                lines.show(fleet.api.get("/v1/fleet"), fleet.api.get("/v1/agents"))
            except PaddockError:
                # It is starting anew; `tend` has said so.
                shown += SHOW
        time.sleep(LOOK)


class Lines:
    """Says what changed, and nothing twice."""

    def __init__(self, say: Any) -> None:
        self._say = say
        self._agents: dict[str, str] = {}
        self._work = ""

    def show(self, fleet: dict[str, Any], agents: list[dict[str, Any]]) -> None:
        """One line for each agent that came, went or was drained, one for the work when it moved."""
        for agent in agents:
            if self._agents.get(agent["name"]) != agent["state"]:
                self._agents[agent["name"]] = agent["state"]
                self._say(f"{agent['name']} is {agent['state']}")
        jobs = ", ".join(f"{number} {state}" for state, number in fleet["jobs"].items())
        changes = ", ".join(f"{number} {state}" for state, number in fleet["changes"].items())
        work = f"jobs: {jobs}" + (f"; changes: {changes}" if changes else "")
        if jobs and work != self._work:
            self._work = work
            self._say(work)
