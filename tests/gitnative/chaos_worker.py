"""An agent that claims, works and completes until nothing is left; it may be killed at any point.

Words: the remote, its folder, its name, seconds by which its clock is wrong, seconds until claims are stale.
"""

import sys
import time
from pathlib import Path

from paddock.core.errors import PaddockError
from paddock.gitnative import holding, stalls
from paddock.gitnative.claiming import Claimed, claim
from paddock.gitnative.fleet import Agent, Fleet
from paddock.gitnative.home import Home
from paddock.gitnative.remote import Remote


def main() -> None:
    url, home, name, skew, stale = sys.argv[1:]
    clock = float(skew)
    fleet = Fleet(
        Remote(url),
        Home(Path(home), url),
        clock=lambda: time.time() + clock,
        pause=lambda seconds: time.sleep(seconds / 20),
    )
    agent = Agent(name=name)
    while True:
        try:
            step(fleet, agent, float(stale))
        except PaddockError as error:
            print(type(error).__name__, error, flush=True)


def step(fleet: Fleet, agent: Agent, stale: float) -> None:
    got = claim(fleet, agent, None, 6)
    if not isinstance(got, Claimed):
        stalls.release_stalled(fleet, agent, stale / 60)
        time.sleep(0.02)
        return
    holding.beat(fleet, agent, got.record.key, got.token)
    print("works on", got.record.key, flush=True)
    holding.complete(fleet, agent, got.record.key)


if __name__ == "__main__":
    main()
