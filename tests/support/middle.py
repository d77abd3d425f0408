"""A man in the middle between a control plane and its agents: what he sees of their beats, and makes of the answers."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.fleet import Fleet

Json = dict[str, Any]


@dataclass
class Middle:
    """`swap` gets each grant and gives the order to hand over; `answer` may change a whole answer to a beat."""

    fleet: Fleet
    url: str = ""
    orders: list[Json] = field(default_factory=list)
    beats: list[Json] = field(default_factory=list)
    swap: Callable[[Json], Json] = lambda order: order
    answer: Callable[[Json, Json], None] = lambda beat, reply: None  # noqa: ARG005

    def only(self, name: str) -> None:
        """Sees to it that this agent, and no other, runs and reaches the control plane through him."""
        for other, process in self.fleet.agents.items():
            if other != name:
                process.stop()
        running = self.fleet.agents.get(name)
        if running is None or running.popen.poll() is not None:
            self.fleet.agent(name, server=self.url)

    def honest(self) -> None:
        """From now on every answer is handed over as it came."""
        self.swap = lambda order: order
        self.answer = lambda beat, reply: None  # noqa: ARG005

    def alter(self, path: str, body: bytes, answer: bytes) -> bytes:
        """What the proxy asks of him."""
        if path != "/v1/beat":
            return answer
        beat, reply = json.loads(body), json.loads(answer)
        for grant in reply.get("jobs", []):
            self.orders.append(grant["order"])
            grant["order"] = self.swap(grant["order"])
        self.answer(beat, reply)
        self.beats.append(beat)
        return json.dumps(reply).encode()

    def shown(self, job: str) -> Json:
        """A job as the command line shows it."""
        said = self.fleet.cli("job", "show", job, "--json")
        assert said.returncode == 0, said.stderr
        found: Json = json.loads(said.stdout)
        return found
