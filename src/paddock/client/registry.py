"""Live agents as the registry tells of them."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from paddock.client.errors import Unreachable
from paddock.client.transport import Transport


class Agent(NamedTuple):
    """A live agent. `running` of its `slots` are taken; times are epoch milliseconds, `health` its own checks."""

    id: str
    name: str
    kinds: tuple[str, ...]
    capabilities: tuple[str, ...]
    labels: dict[str, str]
    healthy: bool
    health: list[dict[str, Any]]
    draining: bool
    version: str
    slots: int
    running: int
    last_beat: int
    expires_at: int


def agent_of(raw: Mapping[str, Any]) -> Agent:
    """An entry of the registry."""
    found = {name: raw[name] for name in Agent._fields}
    return Agent(**{**found, "kinds": tuple(raw["kinds"]), "capabilities": tuple(raw["capabilities"])})


def watch(transport: Transport, asked: Mapping[str, object], patience: float) -> Iterator[dict[str, Agent]]:
    """The live agents that are meant, by id, anew whenever one of them joins, changes or leaves.

    Raises: Unreachable once nothing has answered for `patience` seconds; ClientError as the server says it.
    """
    since = 0.0
    while True:
        try:
            for agents in _followed(transport, asked):
                since = 0.0
                yield agents
        except Unreachable:
            since = since or time.monotonic()
            if time.monotonic() > since + patience:
                raise
        time.sleep(min(1.0, patience))


def _followed(transport: Transport, asked: Mapping[str, object]) -> Iterator[dict[str, Agent]]:
    agents: dict[str, Agent] = {}
    coming: dict[str, Agent] | None = None
    for what, data in transport.stream("/v1/registry/watch", asked):
        told = json.loads(data)
        if what == "snapshot":
            coming = {} if coming is None else coming
            coming.update((raw["id"], agent_of(raw)) for raw in told["agents"])
            if told["more"]:
                continue
            agents, coming = coming, None
        elif what == "left":
            for known in (agents, coming or {}):
                known.pop(told["id"], None)
        else:
            (agents if coming is None else coming)[told["id"]] = agent_of(told)
        yield dict(agents)
