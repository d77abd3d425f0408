"""The registry over HTTP: who is live and can do what, as a list and as a stream."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from paddock.control.plane import Control
from paddock.control.presence import Presence
from paddock.control.registry import Wanted
from paddock.core.errors import BadInput
from paddock.core.people import May
from paddock.web.endpoint import Endpoint, control_of

PAGE, MOST = 100, 1_000
# Seconds between two signs of life on a stream that has nothing to tell.
QUIET_S = 20.0
# What agents name at most in one question.
_WORDS = 50
_HEALTHY = {"true": True, "false": False, "any": None}


def wanted_of(request: Request) -> Wanted:
    """The question that a query asks. Raises: BadInput."""
    query = request.query_params
    words = {name: query.getlist(name) for name in ("capability", "kind", "label")}
    for name, given in words.items():
        if len(given) > _WORDS or not all(given):
            raise BadInput(f"{name}: expected 1 to {_WORDS} words, none of them empty", where=name)
    healthy = query.get("healthy", "any")
    if healthy not in _HEALTHY:
        raise BadInput(f"healthy: {healthy[:40]!r} is none of {', '.join(_HEALTHY)}", where="healthy")
    pairs = (label.partition("=") for label in words["label"])
    return Wanted(
        capabilities=frozenset(words["capability"]),
        kinds=frozenset(words["kind"]),
        labels=tuple((key, value if equals else None) for key, equals, value in pairs),
        healthy=_HEALTHY[healthy],
    )


def _limit(request: Request) -> int:
    given = request.query_params.get("limit", str(PAGE))
    if not (given.isascii() and given.isdigit() and len(given) < 9 and 1 <= int(given) <= MOST):
        raise BadInput(f"limit: expected 1 to {MOST}", where="limit")
    return int(given)


def entry(agent: Presence) -> dict[str, Any]:
    """One agent as the registry shows it. Times are epoch milliseconds."""
    # One that takes no work tells nothing of its free slots.
    silent = agent.draining or agent.ailing
    running = max(agent.running, agent.leases) if silent else max(0, agent.slots - agent.free)
    return {
        "id": agent.agent,
        "name": agent.name,
        "kinds": sorted(agent.kinds),
        "capabilities": sorted(agent.capabilities),
        "labels": agent.labels,
        "healthy": not agent.ailing,
        "health": [msgspec.structs.asdict(check) for check in agent.checks],
        "draining": agent.draining,
        "version": agent.version,
        "slots": agent.slots,
        "running": running,
        "free": agent.free,
        "last_beat": agent.last_seen,
        "expires_at": agent.expires_at,
        "endpoints": {"card": f"/v1/agents/{agent.agent}/agent-card.json"},
    }


async def list_registry(request: Request) -> Response:
    registry = control_of(request).registry
    wanted, after, limit = wanted_of(request), request.query_params.get("after", ""), _limit(request)
    registry.sweep()
    tag = f'W/"{registry.state:016x}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in (part.strip() for part in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    agents, more = await registry.find(wanted, after, limit)
    if more:
        headers["Paddock-Next"] = agents[-1].agent
    return Response(
        msgspec.json.encode([entry(agent) for agent in agents]), media_type="application/json", headers=headers
    )


async def watch_registry(request: Request) -> Response:
    control, wanted = control_of(request), wanted_of(request)
    stream = _stream(control, wanted)
    first = await anext(stream)  # too many watches are refused before the answer begins
    return StreamingResponse(
        _chained(first, stream), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _chained(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(rest):
        yield first
        async for one in rest:
            yield one


async def _stream(control: Control, wanted: Wanted) -> AsyncGenerator[bytes, None]:
    registry = control.registry
    watch = registry.watch(wanted)
    try:
        yield b": watching\n\n"
        while not watch.closed:
            if watch.lost:
                watch.begin()
                after: str | None = ""
                while after is not None:
                    agents, after = registry.page(wanted, after, MOST)
                    watch.show(agents, after)
                    if agents or after is None:
                        told = {"agents": [entry(agent) for agent in agents], "more": after is not None}
                        yield _event("snapshot", registry.state, told)
                    await asyncio.sleep(0)
            for what, agent, state in watch.take():
                yield _event(what, state, {"id": agent.agent, "name": agent.name} if what == "left" else entry(agent))
            try:
                async with asyncio.timeout(QUIET_S):
                    await watch.ready.wait()
            except TimeoutError:
                yield b": quiet\n\n"
    finally:
        registry.unwatch(watch)


def _event(name: str, state: int, data: object) -> bytes:
    return b"id: %016x\nevent: %s\ndata: %s\n\n" % (state, name.encode(), msgspec.json.encode(data))


_QUERY = {"capability": "string", "kind": "string", "label": "string", "healthy": "string"}

ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/registry",
        "The live agents that can do all that is asked",
        list_registry,
        query={**_QUERY, "limit": "integer", "after": "string"},
        may=May.READ,
    ),
    Endpoint(
        "GET",
        "/v1/registry/watch",
        "Server-sent events: a snapshot of the live agents, then who joins, changes and leaves",
        watch_registry,
        query=_QUERY,
        may=May.READ,
    ),
)
