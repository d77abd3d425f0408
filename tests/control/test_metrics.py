"""`GET /metrics`: every figure of the table, read by the library's own parser, and each one documented."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from paddock.client import Client
from paddock.control.meter import BOUNDS, Meter
from paddock.control.usage import KEPT_S, kept_for
from paddock.web.metrics_api import METRICS
from support.fleet import Fleet
from support.light import Light, done

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "observe.md"


def scrape(plane: Fleet) -> dict[str, dict[str, float]]:
    """Metric → the words of its label → value."""
    raw, headers = plane.api.raw("/metrics")
    assert headers["Content-Type"].startswith("text/plain")
    out: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(raw.decode()):
        for sample in family.samples:
            out.setdefault(sample.name, {})[",".join(sample.labels.values())] = sample.value
    return out


def test_every_figure_is_there_and_true(plane: Fleet) -> None:
    light = Light(plane.api, plane.port, "measured")
    light.beat()
    job = plane.submit({"id": "m", "kind": "noop", "payload": {}})["m"]
    [grant] = light.beat(want=1)[0]
    assert grant.job == job
    light.beat(done(grant))
    client = Client(plane.url)
    client.state("project", "shop").put("k", b"12345")
    for _ in range(2):
        client.topic("project:shop:t", source="/m").publish(7, id="once")
    client.topic("t").publish(7)
    client.topic("t").group("g", "c").take(seconds=60)
    found = scrape(plane)
    shown = {name.removeprefix("paddock_") for name in found if name.startswith("paddock_")}
    for name, (kind, label, _) in METRICS.items():
        ending = {"counter": "_total", "histogram": "_count", "gauge": ""}[kind]
        assert name.removeprefix("paddock_") + ending in shown, name
        assert label or kind == "histogram" or set(found[name + ending]) == {""}
    assert found["paddock_beats_total"]["answered"] >= 3
    assert found["paddock_beat_seconds_count"][""] == found["paddock_beats_total"]["answered"]
    assert found["paddock_store_writes_total"]["done"] >= found["paddock_store_commits_total"][""] > 0
    assert found["paddock_agents"]["online"] >= 1 and found["paddock_jobs"]["done"] >= 1
    assert found["paddock_store_up"][""] == 1 and found["paddock_behind_seconds"][""] == 0
    assert (found["paddock_state_keys"]["project"], found["paddock_state_bytes"]["project"]) == (1, 5)
    assert found["paddock_topic_events"] == {"agent": 0, "job": 0, "operators": 1, "project": 1}
    assert found["paddock_topic_published_total"] == {"stored": 2, "known": 1}
    assert found["paddock_topic_deliveries"] == {"pending": 1, "dead": 0} and found["paddock_topic_groups"][""] == 1
    assert found["process_resident_memory_bytes"][""] > 1e6


def test_every_figure_is_documented() -> None:
    page = PAGE.read_text()
    for name, (kind, label, about) in METRICS.items():
        row = f"| `{name}{'_total' if kind == 'counter' else ''}` | {f'`{label}`' if label else ''} |".replace(
            "|  |", "| |"
        )
        assert row in page, row
        assert kind == "histogram" or about.split(":")[0] in page


def test_what_is_long_to_count_is_counted_seldom() -> None:
    assert kept_for(0.001) == KEPT_S and kept_for(2.0) == 200.0


def test_a_beat_counts_within_the_bound_that_it_kept() -> None:
    meter = Meter()
    for seconds in (0.0005, 0.001, 0.0011, 9.0):
        meter.answered(seconds)
    meter.refused(shed=True)
    assert (meter.within[0], meter.within[1], meter.within[len(BOUNDS)]) == (2, 1, 1)
    assert meter.beats == {"answered": 4, "refused": 0, "shed": 1}
