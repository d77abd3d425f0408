"""How much state and topics there are, for `GET /metrics`: read so seldom that reading costs next to nothing."""

import asyncio
import time
from typing import Any

from paddock.control.plane import Control
from paddock.store.topics import TopicUsage

KEPT_S = 5.0
# What was long to read is kept so many times as long: it takes a hundredth of a reader's time at most.
_TIMES = 100


def kept_for(took: float) -> float:
    """Seconds for which figures are kept that took so many seconds to read."""
    return max(KEPT_S, took * _TIMES)


class Usage:
    """Counts over tables that grow with what is stored; never older than a hundred times what reading them takes."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._lock = asyncio.Lock()
        self._state: dict[str, dict[str, int]] = {}
        self._topics = TopicUsage(spaces={}, groups=0, behind=0, pending=0, dead=0)
        self._until = 0.0

    async def read(self) -> dict[str, Any]:
        """Metric → value, or values by label. Raises: StoreUnavailable."""
        async with self._lock:
            began = time.monotonic()
            if began >= self._until:
                self._state = await self._control.store.state_usage()
                self._topics = await self._control.store.topic_usage()
                self._until = time.monotonic() + kept_for(time.monotonic() - began)
        state, topics = self._state, self._topics
        spaces = {space: state.get(space, {}) for space in ("agent", "job", "project")}
        kinds = {space: topics.spaces.get(space, {}) for space in ("agent", "job", "operators", "project")}
        return {
            "paddock_state_keys": {space: found.get("keys", 0) for space, found in spaces.items()},
            "paddock_state_bytes": {space: found.get("bytes", 0) for space, found in spaces.items()},
            "paddock_state_large_values": state.get("large", {}).get("blobs", 0),
            "paddock_state_large_bytes": state.get("large", {}).get("bytes", 0),
            "paddock_topics": {space: found.get("topics", 0) for space, found in kinds.items()},
            "paddock_topic_events": {space: found.get("events", 0) for space, found in kinds.items()},
            "paddock_topic_bytes": {space: found.get("bytes", 0) for space, found in kinds.items()},
            "paddock_topic_groups": topics.groups,
            "paddock_topic_behind_events": topics.behind,
            "paddock_topic_deliveries": {"pending": topics.pending, "dead": topics.dead},
        }
