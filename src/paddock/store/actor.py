"""On whose behalf something is written: the journal names them with whatever they do."""

from contextvars import ContextVar

# The name of the person whose request runs; empty for agents, for the control plane itself, and where nobody logs in.
ACTOR: ContextVar[str] = ContextVar("actor", default="")
