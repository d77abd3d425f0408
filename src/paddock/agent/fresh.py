"""A state directory that is given a new identity; what the old one left is kept beside it."""

from pathlib import Path

from paddock.agent.identity import NotActivated, load
from paddock.core.errors import BadInput

# Whatever belongs to one identity and to no other.
_BELONGINGS = (
    "agent.json",
    "agent.key",
    "agent.db",
    "agent.db-wal",
    "agent.db-shm",
    "witness.json",
    "standing.json",
    "licence.jwt",
    "rolling.json",
    "status.json",
)


class StateOccupied(BadInput):
    """The state directory belongs to an agent that was activated before."""

    code = "state_occupied"
    hint = "name another with --state, or give the old identity up with --anew"


def clear(state: Path, *, anew: bool) -> None:
    """Makes sure that the directory holds no identity; `anew` moves one that is there into `former-<agent>`.

    The caller holds the directory's lock. Raises: StateOccupied, BadInput.
    """
    try:
        found = load(state)
    except NotActivated:
        return
    if not anew:
        raise StateOccupied(f"{state} belongs to agent {found.agent} of {found.server}")
    former = state / f"former-{found.agent}"
    former.mkdir(mode=0o700, exist_ok=True)
    # The identity goes last: a crash before that leaves a directory that can still be cleared.
    for name in sorted(_BELONGINGS, key=lambda name: name == "agent.json"):
        if (state / name).exists():
            (state / name).replace(former / name)
