"""What the control plane makes of the fingerprint that an agent shows when a session begins."""

from paddock.control import anomalies
from paddock.control.plane import Control
from paddock.core.fingerprint import Match, compare
from paddock.core.tokens import Binding
from paddock.store.records import Agent


async def look(control: Control, agent: Agent, shown: dict[str, str]) -> None:
    """Binds the first one, follows one that drifts, raises an anomaly for another host's. Raises: StoreUnavailable."""
    if not shown or agent.binding is Binding.NONE:
        return
    now = control.clock.now()
    if not agent.fingerprint:
        await control.store.bind(agent.id, shown, (), now)
        return
    found = compare(agent.fingerprint, shown)
    if found.match is Match.DRIFT:
        await control.store.bind(agent.id, {**agent.fingerprint, **shown}, found.changed, now)
    elif found.match is Match.MISMATCH:
        type_ = "binding_broken" if agent.binding is Binding.REQUIRED else "fingerprint_mismatch"
        await anomalies.notice(
            control, type_, agent.id, changed=", ".join(found.changed), unchanged_percent=found.share
        )
