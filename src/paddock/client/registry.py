"""Live agents as the registry tells of them."""

from collections.abc import Mapping
from typing import Any, NamedTuple


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
