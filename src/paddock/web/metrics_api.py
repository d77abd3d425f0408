"""`GET /metrics`: figures for Prometheus, from the store's facts and this process's own counts.

What must be asked of the store is asked every five seconds at most, however many scrape. No label holds an id.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from paddock import __version__
from paddock.control.meter import BOUNDS
from paddock.control.plane import Control
from paddock.control.usage import KEPT_S, Usage
from paddock.core.errors import PaddockError
from paddock.core.people import May
from paddock.core.states import ChangeState, JobState
from paddock.web.endpoint import Endpoint, control_of

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

# name → (type, its one label or empty, what it is). Counters are shown with `_total` behind their names.
METRICS: dict[str, tuple[str, str, str]] = {
    "paddock_build_info": ("gauge", "version", "1, with the version of the control plane"),
    "paddock_jobs": ("gauge", "state", "jobs that are open, and those that ended within a day"),
    "paddock_changes": ("gauge", "state", "changes"),
    "paddock_jobs_done_last_hour": ("gauge", "", "jobs that were done within the last hour"),
    "paddock_jobs_stuck": ("gauge", "", "jobs that are parked or refused and want a person"),
    "paddock_store_up": ("gauge", "", "whether the store answered when it was last asked for these figures"),
    "paddock_agents": ("gauge", "state", "agents: known (ever activated), online, draining and unhealthy"),
    "paddock_beats": ("counter", "result", "beats: answered, refused, and shed to come again"),
    "paddock_beat_seconds": ("histogram", "", "time in which beats were answered"),
    "paddock_shed": ("counter", "what", "requests sent away because the control plane was behind"),
    "paddock_behind_seconds": ("gauge", "", "by how much it is behind; 0 while it keeps up"),
    "paddock_event_loop_lag_seconds": ("gauge", "", "how late the event loop was of late"),
    "paddock_store_waiting": ("gauge", "", "writes that wait for the store"),
    "paddock_store_oldest_seconds": ("gauge", "", "how long the oldest of them has waited"),
    "paddock_store_writes": ("counter", "result", "writes: done, and failed (refused ones among them)"),
    "paddock_store_commits": ("counter", "", "transactions in which they were committed"),
    "paddock_store_statements": ("counter", "", "statements that the store ran, to read and to write"),
    "paddock_state_keys": ("gauge", "space", "keys of state: of jobs, projects and agents"),
    "paddock_state_bytes": ("gauge", "space", "bytes of their values"),
    "paddock_state_large_values": ("gauge", "", "large values, each of which is stored once"),
    "paddock_state_large_bytes": ("gauge", "", "their bytes"),
    "paddock_topics": ("gauge", "space", "topics: of operators, projects, jobs and agents"),
    "paddock_topic_events": ("gauge", "space", "events that they keep"),
    "paddock_topic_bytes": ("gauge", "space", "bytes of these events"),
    "paddock_topic_published": ("counter", "result", "events published: stored, and known already"),
    "paddock_topic_followers": ("gauge", "", "who follows a topic at this control plane"),
    "paddock_topic_groups": ("gauge", "", "groups of consumers"),
    "paddock_topic_behind_events": ("gauge", "", "events that the group furthest behind was not given yet"),
    "paddock_topic_deliveries": ("gauge", "state", "deliveries: pending ones, and dead ones, put aside for a person"),
    "paddock_registry_watches": ("gauge", "", "open streams of the registry"),
    "paddock_bus_connected": ("gauge", "", "whether other control planes can be reached"),
    "paddock_bus_peers": ("gauge", "", "other control planes heard of within a minute"),
    "paddock_bus_faults": ("counter", "", "times the way to them was lost"),
}

Values = dict[str, Any]


class Figures:
    """The figures of one control plane; those of the store and of the fleet are kept for a while."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._usage = Usage(control)
        self._kept: Values = {}
        self._until = 0.0

    async def read(self) -> Values:
        """Metric → its value, or a mapping of values by label."""
        if time.monotonic() >= self._until:
            self._kept = {**await self._of_store(), "paddock_agents": self._agents()}
            self._until = time.monotonic() + KEPT_S
        return {**self._kept, **self._of_process()}

    async def _of_store(self) -> Values:
        try:
            counts = await self._control.store.counts(self._control.clock.now())
            usage = await self._usage.read()
        except PaddockError:
            return {"paddock_store_up": 0}
        return {
            **usage,
            "paddock_store_up": 1,
            "paddock_jobs": {str(state): counts.jobs.get(state, 0) for state in JobState},
            "paddock_changes": {str(state): counts.changes.get(state, 0) for state in ChangeState},
            "paddock_jobs_done_last_hour": counts.done_last_hour,
            "paddock_jobs_stuck": counts.anomalies,
        }

    def _agents(self) -> Values:
        live = self._control.registry.live()
        return {
            "known": len(self._control.fleet),
            "online": len(live),
            "draining": sum(agent.draining for agent in live),
            "unhealthy": sum(bool(agent.ailing) for agent in live),
        }

    def _of_process(self) -> Values:
        control = self._control
        pressure, backlog, meter = control.pressure, control.store.backlog, control.meter
        return {
            "paddock_build_info": {__version__: 1},
            "paddock_beats": meter.beats,
            "paddock_beat_seconds": (meter.within, meter.seconds),
            "paddock_shed": pressure.shed,
            "paddock_behind_seconds": pressure.behind(),
            "paddock_event_loop_lag_seconds": pressure.lag,
            "paddock_store_waiting": len(backlog),
            "paddock_store_oldest_seconds": backlog.oldest(),
            "paddock_store_writes": {"done": backlog.written - backlog.failed, "failed": backlog.failed},
            "paddock_store_commits": control.store.commits,
            "paddock_store_statements": control.store.statements,
            "paddock_topic_published": meter.published,
            "paddock_topic_followers": meter.following,
            "paddock_registry_watches": control.registry.watches,
            "paddock_bus_connected": int(control.bus.connected),
            "paddock_bus_peers": control.bus.peers,
            "paddock_bus_faults": control.bus.faults,
        }


class _Collector:
    """Figures as the library wants them."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def collect(self) -> "Iterator[Metric]":
        for name, (kind, label, about) in METRICS.items():
            if name in self._values:
                yield _metric(name, kind, label, about, self._values[name])


def _metric(name: str, kind: str, label: str, about: str, value: Any) -> "Metric":
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    if kind == "histogram":
        within, seconds = value
        ends, so_far = [], 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), within, strict=True):
            so_far += count
            ends.append((bound, so_far))
        return HistogramMetricFamily(name, about, buckets=ends, sum_value=seconds)
    family = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    made: CounterMetricFamily | GaugeMetricFamily = family(name, about, labels=[label] if label else [])
    for word, one in value.items() if label else (("", value),):
        made.add_metric([word] if label else [], one)
    return made


async def metrics(request: Request) -> Response:
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    state = request.app.state
    if not hasattr(state, "figures"):
        state.figures = Figures(control_of(request))
    registry = CollectorRegistry()
    registry.register(_Collector(await state.figures.read()))
    ProcessCollector(registry=registry)
    return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})


ENDPOINTS = (Endpoint("GET", "/metrics", "Figures for Prometheus", metrics, may=May.READ),)
