"""A run that speaks the Agent Client Protocol, version 1: one session, one prompt, and its end.

JSON-RPC, a line each, over the run's standard streams. What comes is a stranger's data. Neither files nor terminals are
offered: the agent has its own, in its box. Source: agentclientprotocol.com, protocol v1.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from paddock import __version__
from paddock.core.policy_scope import Effective
from paddock.runners.acp_permits import against, choice
from paddock.runners.base import Sink

VERSION = 1
# Bytes of one message, messages that ask something, tool calls that are remembered, and what of one is, in bytes.
MOST_LINE, MOST_ASKS, MOST_CALLS = 4 << 20, 10_000, 200
MOST_CALL = 64 << 10
_NO_METHOD, _LOGIN_NEEDED = -32601, -32000
_WORDS = 300


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a conversation is to bring about. `login` is the agent's own name for a way to log in, mostly empty."""

    brief: str
    model: str
    login: str
    # The worktree as the agent sees it.
    root: PurePosixPath


class Conversation:
    """Says what is to be said as answers come. `exit_code` counts once it is `over`."""

    def __init__(self, wish: Wish, fence: Effective, log: Sink) -> None:
        self._wish, self._fence, self._log = wish, fence, log
        self._say: Callable[[bytes], bool]
        self._rest = bytearray()
        # What was asked and is not answered yet, by number: what it was, and what is done with the answer.
        self._waiting: dict[int, tuple[str, Callable[[dict[str, Any]], None]]] = {}
        self._numbers = self._asks = 0
        self._session = ""
        self._logins: list[str] = []
        # Calls of tools by their id, as far as they were told.
        self._calls: dict[str, dict[str, Any]] = {}
        self._cost: object = None
        self._within_line = False
        self.exit_code = 1
        self.over = asyncio.Event()

    def open(self, say: Callable[[bytes], bool]) -> None:
        """Begins. `say` sends bytes and tells whether they can still arrive."""
        self._say = say
        able = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
        told = {"name": "paddock", "title": "Paddock", "version": __version__}
        self._ask(
            "initialize",
            {"protocolVersion": VERSION, "clientCapabilities": able, "clientInfo": told},
            self._greeted,
        )

    def write(self, data: bytes) -> None:
        """Takes what the agent prints."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = bytes(self._rest) + line
            self._rest.clear()
            if not self.over.is_set():
                self._take(whole)
        self._rest += rest
        if len(self._rest) > MOST_LINE:
            self._rest.clear()
            self._end(f"it sent a message of more than {MOST_LINE >> 20} MiB")

    def close(self) -> None:
        """The agent has ended."""
        self._end("it ended before it had answered")

    def _take(self, line: bytes) -> None:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or found.get("jsonrpc") != "2.0":
            if line.strip():
                self._tell(line.decode(errors="replace"))
        elif "method" in found:
            self._asked(found)
        elif isinstance(found.get("id"), int) and found["id"] in self._waiting:
            what, then = self._waiting.pop(found["id"])
            self._answered(what, then, found)

    def _ask(self, method: str, params: Mapping[str, Any], then: Callable[[dict[str, Any]], None]) -> None:
        self._numbers += 1
        self._waiting[self._numbers] = method, then
        self._send({"id": self._numbers, "method": method, "params": params})

    def _send(self, message: Mapping[str, Any]) -> None:
        if not self._say(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"):
            self._end("it does not read what it is told")

    def _answered(self, what: str, then: Callable[[dict[str, Any]], None], message: Mapping[str, Any]) -> None:
        result, error = message.get("result"), message.get("error")
        if isinstance(error, dict) or not isinstance(result, dict):
            error = error if isinstance(error, dict) else {}
            words = _short(error.get("message") or "it gives no result")
            if what == "session/prompt":  # as the lines of agents tell it, so that a limit is known as one
                self._print(json.dumps({"type": "error", "message": words}))
            hint = f"; name one of its logins in the policy: {', '.join(self._logins) or 'it tells none'}"
            self._end(f"it refuses {what}: {words}{hint if error.get('code') == _LOGIN_NEEDED else ''}")
            return
        then(result)

    def _greeted(self, result: dict[str, Any]) -> None:
        if result.get("protocolVersion") != VERSION:
            self._end(f"it speaks version {_short(result.get('protocolVersion'))} of the protocol, not {VERSION}")
            return
        methods = result.get("authMethods")
        listed = methods[:20] if isinstance(methods, list) else []
        self._logins = [_short(one.get("id")) for one in listed if isinstance(one, dict)]
        if self._wish.login:
            self._ask("authenticate", {"methodId": self._wish.login}, lambda _: self._begin())
        else:
            self._begin()

    def _begin(self) -> None:
        self._ask("session/new", {"cwd": str(self._wish.root), "mcpServers": []}, self._began)

    def _began(self, result: dict[str, Any]) -> None:
        self._session = str(result.get("sessionId") or "")[:200]
        if not self._wish.model:
            self._prompt({})
            return
        options = result.get("configOptions")
        for one in options if isinstance(options, list) else ():
            if isinstance(one, dict) and one.get("category") == "model" and isinstance(one.get("id"), str):
                chosen = {"sessionId": self._session, "configId": one["id"], "value": self._wish.model}
                self._ask("session/set_config_option", chosen, self._prompt)
                return
        self._end("it offers no choice of models; name the model in its own settings instead")

    def _prompt(self, _: dict[str, Any]) -> None:
        text = {"type": "text", "text": self._wish.brief}
        self._ask("session/prompt", {"sessionId": self._session, "prompt": [text]}, self._done)

    def _done(self, result: dict[str, Any]) -> None:
        self._use(result.get("usage"))
        reason = _short(result.get("stopReason"))
        self._end("" if reason == "end_turn" else f"it ended before its work was done: {reason}")

    def _asked(self, message: Mapping[str, Any]) -> None:
        method, params = message["method"], message.get("params")
        params = params if isinstance(params, dict) else {}
        if "id" not in message:
            if method == "session/update":
                self._updated(params.get("update"))
            return
        self._asks += 1
        if self._asks > MOST_ASKS:
            self._end(f"it asked more than {MOST_ASKS:,} times")
        elif method == "session/request_permission":
            self._send({"id": message["id"], "result": self._permit(params)})
        else:
            self._send({"id": message["id"], "error": {"code": _NO_METHOD, "message": "this is not offered"}})

    def _permit(self, params: Mapping[str, Any]) -> dict[str, Any]:
        call = self._call(params.get("toolCall"))
        why = against(call, self._fence, self._wish.root)
        self._tell(f"paddock: {'no' if why else 'yes'} to {_shown(call)}{f': {why}' if why else ''}")
        return choice(params.get("options"), why)

    def _call(self, told: object) -> dict[str, Any]:
        """A tool call with all that was told of it before; what is told anew counts."""
        told = told if isinstance(told, dict) else {}
        call = self._calls.setdefault(str(told.get("toolCallId"))[:200], {})
        call |= _kept(told)
        if len(self._calls) > MOST_CALLS:
            del self._calls[next(iter(self._calls))]
        return call

    def _updated(self, update: object) -> None:
        if not isinstance(update, dict):
            return
        kind = update.get("sessionUpdate")
        if kind == "agent_message_chunk":
            content = update.get("content")
            if isinstance(content, dict) and isinstance(content.get("text"), str):
                self._log.write(content["text"].encode(errors="replace"))
                self._within_line = not content["text"].endswith("\n")
        elif kind == "tool_call":
            self._tell(f"· {_shown(self._call(update))}")
        elif kind == "tool_call_update":
            call = self._call(update)
            if update.get("status") == "failed":
                self._tell(f"· failed: {_shown(call)}")
        elif kind == "usage_update":
            self._cost = update.get("cost")
            self._use(None)

    def _use(self, usage: object) -> None:
        """Prints the session's use so far as a line that the run's meter reads."""
        cost = self._cost if isinstance(self._cost, dict) else {}
        told = {"session": self._session, "model": self._wish.model, "usage": usage, "cost": cost}
        if isinstance(usage, dict) or cost:
            self._print(json.dumps({"type": "acp.usage", **told}))

    def _tell(self, text: str) -> None:
        self._print(" ".join(text.splitlines())[:2_000])

    def _print(self, line: str) -> None:
        self._log.write(f"{chr(10) if self._within_line else ''}{line}\n".encode(errors="replace"))
        self._within_line = False

    def _end(self, trouble: str) -> None:
        if self.over.is_set():
            return
        if trouble:
            self._tell(f"paddock: the agent was ended: {trouble}")
        self.exit_code = 1 if trouble else 0
        self.over.set()


def _kept(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is remembered of a tool call; one that says too much says nothing that it could be allowed by."""
    kept = {name: told[name] for name in ("kind", "locations", "rawInput") if told.get(name) is not None}
    if isinstance(told.get("content"), list):
        kept["content"] = [{"path": one.get("path")} for one in told["content"] if isinstance(one, dict)]
    if len(json.dumps(kept)) > MOST_CALL:
        kept = {"kind": "other", "locations": [], "content": []}
    return kept | ({"title": _short(told["title"])} if told.get("title") else {})


def _short(value: object) -> str:
    return str(value)[:_WORDS]


def _shown(call: Mapping[str, Any]) -> str:
    return f"{_short(call.get('kind') or 'a tool')} {_short(call.get('title') or '')}".rstrip()
