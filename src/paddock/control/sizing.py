"""Measured figures behind the advice on a fleet's size."""

import msgspec

from paddock.control.plane import Control
from paddock.core import sizing

WINDOW_MS = 3_600_000


async def size(control: Control, lines: int, memory_mib: int | None) -> dict[str, object]:
    """Advice for a repository of so many lines, by how busy the slots online were within the last hour."""
    now = control.clock.now()
    online = [agent for agent in control.fleet if agent.online(now)]
    slots = sum(agent.slots for agent in online)
    busy = await control.store.busy_ms(now - WINDOW_MS, now)
    idle = max(0.0, 1 - busy / (slots * WINDOW_MS)) if slots else None
    waiting = sum(jobs for jobs, _ in control.lanes.values())
    found = sizing.size(lines, memory_mib, slots, idle, waiting)
    return {
        **msgspec.to_builtins(found),
        "agents_online": len(online),
        "slots": slots,
        "waiting": waiting,
        "busy_seconds": round(busy / 1_000),
        "window_seconds": WINDOW_MS // 1_000,
        "idle": None if idle is None else round(idle, 4),
        "memory_mib": memory_mib,
    }
