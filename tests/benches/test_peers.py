"""Paddock's row beside its peers: measured on real parts, complete, and with a reason where there is nothing."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bench.peers import paddock, report
from bench.peers.environments import version
from bench.peers.figures import Figures, Sizes
from bench.peers.process import Child, Clock, PeerFailed
from bench.peers.table import NODE_PACKAGES, PADDOCK, PEERS, PYTHON_PACKAGES
from bench.place import temporary

TINY = Sizes(jobs=30, warm=2, paced=3)
FIGURES = Figures(
    jobs=30, end_to_end=100.0, enqueue=200.0, drain=300.0, late_ms=[1.0, 2.0, 3.0], rss_mb=30.0, cpu_us=90.0
)
KEYS = {
    *("peer", "version", "settings", "workers", "rounds", "keeps", "lacks", "commits_before_dispatch", "reason"),
    *("jobs", "end_to_end", "enqueue", "drain", "cpu_us", "p50", "p99", "rss_mb", "ratios"),
}


def test_paddock_does_the_peers_work() -> None:
    with temporary(quick=True) as place:
        found = paddock.measure("", place, TINY)
    assert found.jobs == TINY.jobs and len(found.late_ms) == TINY.paced
    assert min(found.end_to_end, found.enqueue, found.drain, found.rss_mb, *found.late_ms) > 0
    assert found.cpu_us >= 0  # the kernel counts in hundredths of a second


def test_a_row_has_every_figure_its_ratios_and_what_it_keeps() -> None:
    own, other = (next(peer for peer in PEERS if peer.name == name) for name in (PADDOCK[0], "pg-boss"))
    twice = replace(FIGURES, end_to_end=200.0)
    rows = report.with_ratios([report.row(own, [FIGURES], ""), report.row(other, [twice, twice, FIGURES], "")])
    assert [row["peer"] for row in rows] == ["pg-boss", PADDOCK[0]]
    assert all(set(row) == KEYS for row in rows)
    assert rows[0]["ratios"] == {PADDOCK[0]: {"end_to_end": 2.0, "cpu_us": 1.0, "p50": 1.0, "p99": 1.0}}
    shown = report.table({"rows": rows, "floors": {"a bare socket": {"p50": 0.3, "p99": 0.4}}, "machine": {}})
    assert len({line.count("|") for line in shown.splitlines() if line.startswith("|")}) == 1
    assert "| pg-boss | 12.35.0 | 30 | 200 | 200 | 300 | 90 | 2 | 3 | 30 | yes |" in shown


def test_a_peer_without_a_round_says_why() -> None:
    row = report.row(PEERS[-1], [], "npm is not installed")
    assert (row["reason"], row["end_to_end"], row["rounds"]) == ("npm is not installed", None, 0)
    assert "npm is not installed" in report.table({"rows": report.with_ratios([row]), "floors": {}, "machine": {}})


def test_every_peer_is_pinned_has_its_script_and_a_name_of_its_own() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    for peer in PEERS:
        if peer.name not in PADDOCK:
            assert (Path(report.__file__).with_name("adapters") / peer.script).exists()
            assert peer.home == "node" or peer.home in PYTHON_PACKAGES
            assert version(peer.home, peer.package)
    assert all(number[0].isdigit() for number in NODE_PACKAGES.values())


def test_every_peer_stands_in_the_document() -> None:
    text = (Path(__file__).parents[2] / "docs" / "explanation" / "performance.md").read_text(encoding="utf-8")
    assert [peer.name for peer in PEERS if text.count(f"\n| {peer.name} | ") < 2] == []


def test_a_worker_that_ends_is_reported_with_its_own_words(tmp_path: Path) -> None:
    code = "import sys; sys.exit('ConnectionError: nobody listens')"
    child = Child([sys.executable, "-c", code], {}, tmp_path / "log")
    try:
        with pytest.raises(PeerFailed, match="starting: ConnectionError: nobody listens"):
            child.heard(Clock(60), "starting")
    finally:
        child.stop()
