"""What runs tell of their use: the lines of coding agents, a file, and what a stranger may make of both."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from paddock.core.usage import Report, costs, parse_prices, read
from paddock.runners.base import Run, Stop
from paddock.runners.telling import MOST_LINE, NAME, Meter, gather
from paddock.wire.messages import Limits

CLAUDE = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "session_id": "5f0c",
    "total_cost_usd": 0.125,
    "usage": {"input_tokens": 4, "output_tokens": 9},
    "modelUsage": {
        "claude-opus-5[1m]": {
            "inputTokens": 400,
            "outputTokens": 900,
            "cacheReadInputTokens": 1000,
            "cacheCreationInputTokens": 50,
            "costUSD": 0.12,
        },
        "claude-haiku-5": {"inputTokens": 10, "outputTokens": 5, "costUSD": 0.005},
    },
}
CODEX = [
    {"type": "thread.started", "thread_id": "t1"},
    {"type": "turn.completed", "usage": {"input_tokens": 6000, "cached_input_tokens": 1000, "output_tokens": 200}},
    {"type": "turn.completed", "usage": {"input_tokens": 12000, "cached_input_tokens": 3000, "output_tokens": 400}},
]
GEMINI = [
    {"type": "init", "session_id": "g", "model": "gemini-4-pro"},
    {
        "type": "result",
        "status": "success",
        "stats": {"total_tokens": 80, "input_tokens": 30, "cached": 10, "output_tokens": 30},
    },
]
TOKENS = {"input": 5, "output": 6, "reasoning": 1, "cache": {"read": 2, "write": 3}}
OPENCODE = [
    {"type": "step_finish", "sessionID": "o", "part": {"cost": 0.25, "tokens": TOKENS}},
    {"type": "step_finish", "sessionID": "o", "part": {"cost": 0.25, "tokens": {"input": 5, "output": 6}}},
]  # fmt: skip
MESSAGES = [
    {"type": "assistant", "message": {"id": "m1", "model": "opus", "usage": {"input_tokens": 5, "output_tokens": 1}}},
    {"type": "assistant", "message": {"id": "m1", "model": "opus", "usage": {"input_tokens": 5, "output_tokens": 8}}},
    {"type": "assistant", "message": {"id": "m2", "model": "opus", "usage": {"input_tokens": 7, "output_tokens": 2}}},
]
WINDOW = {"status": "rejected", "resetsAt": 1_900_000_000}
REACHED = "Claude AI usage limit reached|1900000000"
LIMITED = {"type": "result", "subtype": "success", "is_error": True, "api_error_status": 429, "result": "x"}


class Seen:
    """A run of which only what the meter needs is there."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        self.printed = b""
        self.facts: dict[str, Any] = {}
        self.stop, self.log, self.folder = Stop(), self, folder
        self.order = SimpleNamespace(limits=Limits(wall_s=1, **limits), payload={})
        self.meter = Meter(cast(Run, self))

    def write(self, data: bytes) -> None:
        self.printed += data

    def told(self, *lines: Any, exit_code: int = 0, end: bytes = b"\n") -> dict[str, Any]:
        """The facts after the run has printed these lines, in pieces."""
        raw = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + end for line in lines)
        for at in range(0, len(raw), 1000):
            self.meter.write(raw[at : at + 1000])
        gather(cast(Run, self), self.meter, self.folder, exit_code)
        assert self.printed.startswith(raw)
        return self.facts


def used(facts: dict[str, Any]) -> list[tuple[Any, ...]]:
    report = read(facts) or Report()
    return [(u.model, u.input, u.cached, u.cache_write, u.output, u.cost) for u in report.models]


BOTH = [("claude-opus-5[1m]", 400, 1000, 50, 900, 120_000), ("claude-haiku-5", 10, 0, 0, 5, 5_000)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([CLAUDE], BOTH),
        ([CLAUDE, {"type": "result", "total_cost_usd": 0.1}], [*BOTH, (None, 0, 0, 0, 0, 100_000)]),
        (CODEX, [(None, 9000, 3000, 0, 400, None)]),
        (GEMINI, [("gemini-4-pro", 20, 10, 0, 50, None)]),
        (OPENCODE, [(None, 10, 2, 3, 13, 500_000)]),
        (MESSAGES, [("opus", 12, 0, 0, 10, None)]),
        ([*MESSAGES, CLAUDE], BOTH),
        ([[{"type": "system", "session_id": "x"}, CLAUDE]], BOTH),
    ],
)
def test_the_lines_of_coding_agents_are_known(tmp_path: Path, lines: list[Any], expected: list[Any]) -> None:
    facts = Seen(tmp_path).told(b"some text\n", *lines)
    assert used(facts) == expected and "rate_limited" not in facts


@pytest.mark.parametrize(
    "line",
    [
        b'{"type": "result"',
        b'{"type": "result", "usage": 7, "modelUsage": {"a b": 3, "c": {"costUSD": "NaN", "inputTokens": -5}}}\n',
        b'{"type": "result", "total_cost_usd": 1e300, "usage": {"input_tokens": 1e300, "output_tokens": true}}\n',
        b'{"type": "turn.completed", "usage": [1]}\n{"type": "step_finish", "part": 3}\n{"type": "error"}\n',
        b'{"type": "assistant", "message": {"usage": {"output_tokens": "9"}}}\n{"type": ["result"]}\n',
        b'{"type": ' + b"[" * 5000 + b"\n",
        b'{"type": "result", "total_cost_usd": 5, "result": "' + b"x" * 2 * MOST_LINE + b'"}\n',
        b"\xff\xfe{}\n",
    ],
)
def test_what_is_no_use_tells_nothing(tmp_path: Path, line: bytes) -> None:
    facts = Seen(tmp_path).told(line)
    assert read(facts) is None and "rate_limited" not in facts


@pytest.mark.parametrize(
    ("lines", "exit_code", "until"),
    [
        ([LIMITED], 1, None),
        ([{"type": "rate_limit_event", "rate_limit_info": WINDOW}, LIMITED], 1, 1_900_000_000_000),
        ([{**LIMITED, "api_error_status": None, "result": REACHED}], 0, 1_900_000_000_000),
        ([{"type": "turn.failed", "error": {"message": "Your usage limit is hit. Try at 11:01 PM"}}], 1, None),
        ([], 75, None),
    ],
)  # fmt: skip
def test_a_limit_is_told_from_a_failure(tmp_path: Path, lines: list[Any], exit_code: int, until: int | None) -> None:
    assert Seen(tmp_path).told(*lines, exit_code=exit_code)["rate_limited"] == {"until": until}
    assert "rate_limited" not in Seen(tmp_path).told(*lines, CLAUDE)


def test_a_file_says_it_in_the_open_and_wins(tmp_path: Path) -> None:
    told = {
        "usage": [{"model": "m", "input": 5, "cost": "0.5"}],
        "session": "secret id",
        "rate_limited": {"until": "2030-01-01T00:00:00Z"},
    }
    (tmp_path / NAME).write_text(json.dumps(told))
    facts = Seen(tmp_path).told(CLAUDE)
    assert used(facts) == [("m", 5, 0, 0, 0, 500_000)] and facts["rate_limited"] == {"until": 1893456000000}
    assert len(facts["usage"]["session"]) == 16 and "secret" not in json.dumps(facts)
    for bad in ('{"usage": [{"input": -1}]}', '{"usage": [{"cost": "1e9"}]}', "[" * 9000, "x" * 70_000, '{"new": 1}',
                '{"rate_limited": {"until": 5}}', '{"usage": [{"cost": "9999999"}]}'):  # fmt: skip
        (tmp_path / NAME).write_text(bad)
        seen = Seen(tmp_path)
        assert len(used(seen.told(CLAUDE))) == 2 and b"was not understood" in seen.printed
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).symlink_to("/etc/passwd")
    seen = Seen(tmp_path)
    assert used(seen.told()) == [] and b"was not understood" in seen.printed


def test_a_run_that_tells_of_more_than_it_may_is_ended(tmp_path: Path) -> None:
    for limits, stopped in (({"tokens": 20}, "over_budget"), ({"money": 100_000}, ""), ({"tokens": 30}, ""), ({}, "")):
        seen = Seen(tmp_path, **limits)
        seen.told(*MESSAGES)
        assert seen.stop.why == stopped
    seen = Seen(tmp_path, money=0)
    seen.told(CLAUDE)
    assert seen.stop.why == "over_budget"


def test_what_is_stated_and_what_is_priced() -> None:
    prices = parse_prices(
        {"models": {"o*": {"input": "10", "output": "20", "cached": "1"}, "on*": {"input": 0, "output": 0}}}
    )

    def cost(**used: Any) -> int | None:
        report = read({"usage": {"models": [used]}})
        return costs(report, prices)[0].money if report else -1

    assert cost(model="o1", input=10**6) == 10_000_000
    assert cost(model="o1", input=10**6, cost=99) == 10_000_000, "the larger counts"
    assert cost(model="o1", cost=99) == 99
    assert cost(model="x", input=1) is None, "no price"
    assert cost(model="x", input=1, cost=0) is None, "a subscription's zero is no cost"
    assert cost(model="x", input=1, cost=5, currency="EUR") is None
    assert cost(model="one", input=10**6) == 0, "the longest name that fits"
    assert cost(model="x") == -1, "nothing told"
    assert cost(model="x", cost=-5) == -1
    assert parse_prices({}).of("x") is None
