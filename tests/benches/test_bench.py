"""The benches run on real parts and say what they found in one shape; how fast they are is not asked here."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from bench.__main__ import BENCHES
from bench.report import Limit, Report, quantile

ROOT = Path(__file__).parents[2]


def bench(*words: str) -> "subprocess.CompletedProcess[str]":
    """Runs `python -m bench` in a temporary directory of its own, and holds it to leaving nothing there."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as folder:
        # Jobs run as another user, who must be able to walk in.
        Path(folder).chmod(0o711)
        done = subprocess.run(
            [sys.executable, "-m", "bench", *words],
            cwd=ROOT,
            env={**os.environ, "BENCH_DIR": folder},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert os.listdir(folder) == []  # noqa: PTH208 - a list is what is wanted
    return done


def reports(text: str) -> dict[str, dict[str, Any]]:
    return {found["name"]: found for found in map(json.loads, text.splitlines())}


@pytest.mark.parametrize("name", BENCHES)
def test_a_smoke_run_reports_a_bench_in_one_shape(name: str) -> None:
    done = bench(name, "--quick", "--json")
    assert done.returncode == 0, done.stderr
    [report] = reports(done.stdout).values()
    assert set(report) == {"name", "about", "figures", "floor", "budget", "ok", "missed", "runs", "notes"}
    assert report["name"] == name and report["floor"]
    assert all(isinstance(value, int | float) for value in (*report["figures"].values(), *report["floor"].values()))
    assert set(report["budget"]) <= set(report["figures"])
    assert report["ok"] is (not report["missed"])
    assert report["figures"].get("failed", 0) == 0


def test_a_table_is_for_people() -> None:
    done = bench("cli", "--quick")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cli: `paddock --help`")
    assert "floor" in done.stdout


def test_an_unknown_bench_is_named_with_those_that_exist() -> None:
    done = bench("warp")
    assert done.returncode == 2
    assert "warp" in done.stderr
    assert all(name in done.stderr for name in BENCHES)


def test_a_budget_is_missed_by_a_figure_beyond_it_and_by_one_that_is_not_there() -> None:
    report = Report(
        name="x",
        about="",
        figures={"slow_ms": 20.1, "fast_ms": 20.0, "per_s": 3},
        floor={},
        budget={"slow_ms": Limit(most=20), "fast_ms": Limit(most=20), "per_s": Limit(least=3), "gone": Limit(most=1)},
        runs=1,
    )
    assert report.missed == ["slow_ms", "gone"]


@pytest.mark.parametrize(("part", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_quantile_is_a_value_that_was_measured(part: float, value: int) -> None:
    assert quantile(range(1, 101), part) == value
