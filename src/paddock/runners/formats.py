"""What coding agents print of their use, line by line; every line is data of a stranger's.

Known are the lines of Claude Code, Codex, Gemini CLI and opencode in their JSON modes, and our own of a conversation.
Use is added up over processes: where a line repeats what an earlier one told, too much is counted rather than too
little.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from paddock.core import money, usage
from paddock.core.usage import MOST_MODELS, MOST_TOKENS, Used

# `Claude AI usage limit reached|1749924000`.
_REACHED = re.compile(r"usage limit reached\|(\d{9,11})\b")
_LIMITED = re.compile(r"usage limit|rate limit|rate_limit|too many requests|\b429\b|RESOURCE_EXHAUSTED", re.IGNORECASE)
_NAME = re.compile(usage.MODEL)


@dataclass
class Printed:
    """What was told so far; `limited` while the last word was that a limit is reached, `until` in epoch seconds."""

    used: dict[str, Used] = field(default_factory=dict)
    session: str = ""
    limited: bool = False
    until: int | None = None
    # The model that a stream named at its start.
    model: str = ""
    # The last total of each thread, where totals are told.
    threads: dict[str, Used] = field(default_factory=dict)
    thread: str = ""

    # What messages told of a process that has not summed up yet: before the last message, and that one's.
    before: dict[str, Used] = field(default_factory=dict)
    message: str = ""
    latest: Used | None = None

    def take(self, line: Mapping[str, Any]) -> bool:
        """Takes one object that was printed; whether it is of a known form."""
        act = _TAKERS.get(str(line.get("type")))
        if act is not None:
            act(self, line)
        return act is not None

    def models(self) -> tuple[Used, ...]:
        """The use of each model."""
        told = dict(self.used)
        for more in (*self.threads.values(), *self.before.values(), *([self.latest] if self.latest else [])):
            _add(told, more)
        return tuple(told.values())

    def add(self, used: Used) -> None:
        """Adds to what a model was used for."""
        _add(self.used, used)

    def ends(self, *, limited: bool, until: int | None = None) -> None:
        """A process told how it ended; a later one that ends well has got past the limit."""
        self.limited = limited
        self.until = (until or self.until) if limited else None


def _add(told: dict[str, Used], more: Used) -> None:
    name = more.model or ""
    old = told.get(name)
    if old is None:
        if len(told) >= MOST_MODELS:
            return
        told[name] = more
        return
    sums = {part: min(MOST_TOKENS, getattr(old, part) + getattr(more, part)) for part in _PARTS}
    costs = [cost for cost in (old.cost, more.cost) if cost is not None]
    told[name] = Used(model=old.model, cost=min(usage.MOST_COST, sum(costs)) if costs else None, **sums)


_PARTS = ("input", "cached", "cache_write", "output")


def _count(given: Any, *names: str) -> int:
    """The first of these numbers that is one; 0 otherwise."""
    for name in names:
        value = given.get(name) if isinstance(given, dict) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS:
            return int(value)
    return 0


def _dollars(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        micro = -int(-Decimal(str(value)) * money.MICRO // 1)
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return micro if 0 <= micro <= usage.MOST_COST else None


def _model(value: Any) -> str | None:
    return value if isinstance(value, str) and _NAME.match(value) else None


def _claude(told: Printed, line: Mapping[str, Any]) -> None:
    """`result`: `modelUsage` by model where it is there (`usage` is empty after a budget's end), else the whole."""
    _session(told, line.get("session_id"))
    told.before.clear()
    told.latest = None
    by_model = line.get("modelUsage")
    if isinstance(by_model, dict) and by_model:
        for name, one in list(by_model.items())[:MOST_MODELS]:
            told.add(_claude_used(_model(name), one, ("inputTokens", "cacheReadInputTokens", "outputTokens")))
    elif "total_cost_usd" in line or isinstance(line.get("usage"), dict):
        names = ("input_tokens", "cache_read_input_tokens", "output_tokens")
        used = _claude_used(_model(told.model), line.get("usage"), names)
        told.add(Used(**{**_fields(used), "cost": _dollars(line.get("total_cost_usd"))}))
    text = str(line.get("result") or "")[:2_000]
    reached = _REACHED.search(text)
    limited = line.get("api_error_status") == 429 or bool(_LIMITED.search(text))
    told.ends(limited=bool(line.get("is_error")) and limited, until=int(reached[1]) if reached else None)


def _claude_used(model: str | None, one: Any, names: tuple[str, str, str]) -> Used:
    written = _count(one, "cacheCreationInputTokens", "cache_creation_input_tokens")
    cost = _dollars(one.get("costUSD")) if isinstance(one, dict) else None
    given, cached, output = (_count(one, name) for name in names)
    return Used(model=model, input=given, cached=cached, cache_write=written, output=output, cost=cost)


def _fields(used: Used) -> dict[str, Any]:
    return {name: getattr(used, name) for name in ("model", *_PARTS, "cost")}


def _message(told: Printed, line: Mapping[str, Any]) -> None:
    """`assistant` of Claude Code: a message is told in several lines, each with its use so far."""
    message = line.get("message")
    if not isinstance(message, dict) or not isinstance(message.get("usage"), dict):
        return
    name = str(message.get("id"))[:100]
    if name != told.message and told.latest is not None:
        _add(told.before, told.latest)
    names = ("input_tokens", "cache_read_input_tokens", "output_tokens")
    told.message, told.latest = name, _claude_used(_model(message.get("model")), message["usage"], names)


def _result(told: Printed, line: Mapping[str, Any]) -> None:
    if isinstance(line.get("stats"), dict):
        _gemini(told, line)
    else:
        _claude(told, line)


def _gemini(told: Printed, line: Mapping[str, Any]) -> None:
    """`result`: what is missing from the total is thinking, which counts as output."""
    stats = line["stats"]
    given, cached = _count(stats, "input_tokens"), _count(stats, "cached")
    output = max(_count(stats, "output_tokens"), _count(stats, "total_tokens") - given)
    told.add(Used(model=_model(told.model), input=max(0, given - cached), cached=cached, output=output))
    told.ends(limited=line.get("status") == "error" and bool(_LIMITED.search(str(line.get("error"))[:2_000])))


def _begins(told: Printed, line: Mapping[str, Any]) -> None:
    """`init` of Gemini, `system` of Claude Code."""
    told.model = _model(line.get("model")) or told.model
    _session(told, line.get("session_id"))


def _thread(told: Printed, line: Mapping[str, Any]) -> None:
    told.thread = str(line.get("thread_id") or "")[:100]
    _session(told, told.thread)


def _turn(told: Printed, line: Mapping[str, Any]) -> None:
    """`turn.completed` of Codex: the total of its thread so far, its input with what came from a cache."""
    given = line.get("usage")
    cached, written = _count(given, "cached_input_tokens"), _count(given, "cache_write_input_tokens")
    total = Used(
        model=_model(told.model),
        input=max(0, _count(given, "input_tokens") - cached - written),
        cached=cached,
        cache_write=written,
        output=_count(given, "output_tokens"),
    )
    if len(told.threads) < MOST_MODELS or told.thread in told.threads:
        told.threads[told.thread] = total
    told.ends(limited=False)


def _step(told: Printed, line: Mapping[str, Any]) -> None:
    """`step_finish` of opencode."""
    _session(told, line.get("sessionID"))
    part = line.get("part")
    part = part if isinstance(part, dict) else {}
    tokens = part.get("tokens")
    cache = tokens.get("cache") if isinstance(tokens, dict) else {}
    told.add(
        Used(
            model=_model(part.get("modelID")) or _model(told.model),
            input=_count(tokens, "input"),
            cached=_count(cache, "read"),
            cache_write=_count(cache, "write"),
            output=_count(tokens, "output") + _count(tokens, "reasoning"),
            cost=_dollars(part.get("cost")),
        )
    )
    told.ends(limited=False)


def _failed(told: Printed, line: Mapping[str, Any]) -> None:
    """`error` and `turn.failed`: a time in prose is not read, for it has no zone."""
    if _LIMITED.search(str(line.get("message") or line.get("error"))[:2_000]):
        told.ends(limited=True)


def _window(told: Printed, line: Mapping[str, Any]) -> None:
    """`rate_limit_event` of Claude Code: when the window opens again."""
    info = line.get("rate_limit_info")
    if isinstance(info, dict) and info.get("status") == "rejected":
        told.until = _count(info, "resetsAt") or told.until


def _session(told: Printed, value: Any) -> None:
    if isinstance(value, str) and 0 < len(value) <= 200:
        told.session = value


def _conversed(told: Printed, line: Mapping[str, Any]) -> None:
    """`acp.usage`: a session's total so far, as a conversation by the Agent Client Protocol tells it."""
    _session(told, line.get("session"))
    usage, cost = line.get("usage"), line.get("cost")
    in_dollars = isinstance(cost, dict) and cost.get("currency") == money.CURRENCY
    if told.session in told.threads or len(told.threads) < MOST_MODELS:
        told.threads[told.session] = Used(
            model=_model(line.get("model")) or _model(told.model),
            input=_count(usage, "inputTokens"),
            cached=_count(usage, "cachedReadTokens"),
            cache_write=_count(usage, "cachedWriteTokens"),
            output=_count(usage, "outputTokens") + _count(usage, "thoughtTokens"),
            cost=_dollars(cost.get("amount")) if isinstance(cost, dict) and in_dollars else None,
        )


_TAKERS = {
    "acp.usage": _conversed,
    "result": _result,
    "init": _begins,
    "system": _begins,
    "thread.started": _thread,
    "turn.completed": _turn,
    "turn.failed": _failed,
    "step_finish": _step,
    "assistant": _message,
    "error": _failed,
    "rate_limit_event": _window,
}
