"""What an agent is told at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paddock.agent.health import Declared


@dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """`state` is this agent's own directory, `work` the host's workspace root, shared by its agents."""

    state: Path
    server: str
    name: str
    work: Path
    slots: int = 1
    # Kinds it runs; empty: every kind it has a runner for.
    kinds: tuple[str, ...] = ()
    # Capabilities beyond those found on the host.
    capabilities: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    # Health checks, seconds between two runs of one, and seconds that one may take.
    checks: tuple[Declared, ...] = ()
    check_s: float = 30.0
    check_timeout_s: float = 10.0
    # Prefixes that jobs see read-only, beside the running Python's.
    tools: tuple[Path, ...] = ()
    # The policy file of the host; None: none is looked for.
    policy: Path | None = None
    # Whether jobs that ask for it run uncontained where no policy file says otherwise.
    allow_degraded: bool = False
    token: str = field(default="", repr=False)
    # Seconds that running jobs get to finish after SIGTERM before they are handed back.
    drain_s: float = 30.0
