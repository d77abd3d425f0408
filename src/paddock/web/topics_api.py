"""Topics over HTTP: CloudEvents in and out, as JSON or as a stream, and groups that share them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from paddock.control import job_news, topics
from paddock.control.plane import Control
from paddock.core.cloudevents import OWN, check_topic, from_headers, to_headers
from paddock.core.errors import BadInput, NotFound
from paddock.core.people import May
from paddock.core.states import JobState
from paddock.store.topics import MOST_LISTED
from paddock.web.agents_api import read_body
from paddock.web.endpoint import INERT, Endpoint, control_of, json_of
from paddock.wire.topics import PAGE, WAIT_S

_MAX_BODY = 8 << 20
_MAX_TAKE = 1_000
_LONGEST_TTL_S = 86_400
_NUDGE_S = 0.2
# Bytes of headers that other programs take.
_MAX_HEADERS = 8_000
# Which jobs' events `paddock.jobs` shall tell.
_FILTERS = ("project", "kind", "capability", "state")
_ONE, _BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


async def list_topics(request: Request) -> Response:
    control, query = control_of(request), request.query_params
    if "text/event-stream" in request.headers.get("accept", ""):
        return StreamingResponse(
            _nudges(control), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )
    most = _number(query.get("limit", str(MOST_LISTED)), "limit", 1, MOST_LISTED)
    found = await control.store.topics(query.get("after", ""), query.get("prefix", ""), most + 1)
    headers = {"Paddock-Next": found[most - 1].name} if len(found) > most else {}
    return JSONResponse([topics.topic_view(one) for one in found[:most]], headers=headers)


async def _nudges(control: Control) -> AsyncIterator[bytes]:
    """Something for a page to hear of: that there is news in any topic, a few times a second at most."""
    yield b": listening\n\n"
    async for _ in control.bus.watch(topics.ANY):
        yield b"data: news\n\n"
        await asyncio.sleep(_NUDGE_S)


async def make_topic(request: Request) -> Response:
    control, raw = control_of(request), _fields(await json_of(request), "name", "keep_seconds", "keep_count")
    name = raw.get("name")
    if not isinstance(name, str):
        raise BadInput("name: expected a text", where="name")
    name = await topics.name_of(control, name, writing=True)
    seconds, count = _whole(raw, "keep_seconds", 0, 10**9), _whole(raw, "keep_count", 0, 10**9)
    made = await control.store.keep_topic(name, seconds * 1_000, count, control.clock.now())
    return JSONResponse(topics.topic_view(made), status_code=201)


async def publish(request: Request) -> Response:
    control = control_of(request)
    topic = await topics.name_of(control, request.path_params["ref"], writing=True)
    body = await read_body(request.receive, _MAX_BODY)
    content = request.headers.get("content-type", "")
    if "ce-id" in request.headers:
        raw: list[object] = [from_headers(request.headers, content, body)]
    else:
        try:
            decoded = msgspec.json.decode(body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadInput("the body is no JSON") from None
        raw = decoded if isinstance(decoded, list) else [decoded]
    taken = await topics.publish(control, topic, raw)
    return JSONResponse({"topic": taken.topic, "positions": taken.positions}, status_code=201)


async def read_topic(request: Request) -> Response:
    control, query = control_of(request), request.query_params
    topic = await topics.name_of(control, request.path_params["ref"], writing=False)
    given = request.headers.get("last-event-id") or query.get("after", "0")
    after = await _last(control, topic) if given == "latest" else _number(given, "after", 0, 2**53)
    most = _number(query.get("limit", "100"), "limit", 1, PAGE)
    if "text/event-stream" in request.headers.get("accept", ""):
        source = _source(request, topic, PAGE)
        topics.check_room(control)  # what is refused is refused before the answer begins
        await source.read(after)
        stream = _stream(control, source, after)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
    seconds = _number(query.get("wait", "0"), "wait", 0, WAIT_S)
    found = await topics.wait(control, _source(request, topic, most), after, seconds)
    media = _BATCH if _BATCH in request.headers.get("accept", "") else "application/json"
    headers = {"Paddock-Position": str(found.upto)}
    return JSONResponse([topics.event_of(event) for event in found.events], media_type=media, headers=headers)


async def _last(control: Control, topic: str) -> int:
    if topic == job_news.TOPIC:
        return await job_news.last(control)
    return (await control.store.topic(topic)).last


def _source(request: Request, topic: str, most: int) -> topics.Source:
    """What a request reads. Raises: BadInput for filters that are none of this topic's."""
    control, query = control_of(request), request.query_params
    words = {name: query.getlist(name) for name in _FILTERS if name in query}
    if topic != job_news.TOPIC:
        if words:
            raise BadInput(f"{min(words)}: only {job_news.TOPIC} is filtered", where=min(words))
        return topics.stored(control, topic, most)
    for state in words.get("state", ()):
        if not job_news.is_state(state):
            raise BadInput(f"state: jobs have no state {state[:40]!r}", hint=", ".join(JobState), where="state")
    wanted = job_news.Wanted(
        projects=frozenset(words.get("project", ())),
        kinds=frozenset(words.get("kind", ())),
        states=frozenset(words.get("state", ())),
        capabilities=frozenset(filter(None, words["capability"])) if "capability" in words else None,
    )
    return job_news.source(control, wanted, most)


async def read_event(request: Request) -> Response:
    control = control_of(request)
    topic = await topics.name_of(control, request.path_params["ref"], writing=False)
    position = _number(request.path_params["position"], "position", 1, 2**53)
    found = (await _source(request, topic, 1).read(position - 1)).events
    if not found or found[0].position != position:
        raise NotFound(f"{topic!r} has no event at {position}", hint="retention may have taken it")
    event, mode = topics.event_of(found[0]), request.query_params.get("mode", "structured")
    if mode == "structured":
        return Response(msgspec.json.encode(event), media_type=_ONE)
    if mode != "binary":
        raise BadInput("mode: expected structured or binary", where="mode")
    headers, body = to_headers(event)
    if sum(map(len, (*headers, *headers.values()))) > _MAX_HEADERS:
        raise BadInput("the event's attributes are too large for headers", hint="read it with mode=structured")
    return Response(body, headers={**INERT, **headers})


async def _stream(control: Control, source: topics.Source, after: int) -> AsyncIterator[bytes]:
    yield b": following\n\n"
    async with contextlib.aclosing(topics.follow(control, source, after)) as pages:
        async for page in pages:
            for event in page.events:
                yield b"id: %d\ndata: %s\n\n" % (event.position, msgspec.json.encode(topics.event_of(event)))
            if not page.events:  # where to go on, for one who comes back, though there is nothing to tell
                yield b": quiet\nid: %d\n\n" % page.upto


async def list_groups(request: Request) -> Response:
    control = control_of(request)
    found = await control.store.groups(await topics.name_of(control, request.path_params["ref"], writing=False))
    return JSONResponse([msgspec.to_builtins(group) for group in found])


async def take(request: Request) -> Response:
    control = control_of(request)
    topic = await topics.name_of(control, request.path_params["ref"], writing=False)
    if topic.startswith(OWN):
        raise BadInput(f"{topic} is followed, not shared", hint="jobs are shared by their leases")
    raw = _fields(await json_of(request), "consumer", "max", "seconds", "start")
    consumer = raw.get("consumer", "")
    if not isinstance(consumer, str) or not 1 <= len(consumer) <= 128:
        raise BadInput("consumer: expected a text of 1 to 128 characters", where="consumer")
    start = raw.get("start", "earliest")
    if start not in ("earliest", "latest") and not isinstance(start, int):
        raise BadInput("start: expected earliest, latest or a position", where="start")
    at = (
        {"earliest": 0, "latest": 2**53}.get(start, start) if isinstance(start, str) else _whole(raw, "start", 0, 2**53)
    )
    given = await control.store.take(
        topic,
        _group(request),
        consumer,
        _whole(raw, "max", 1, _MAX_TAKE, 1),
        _whole(raw, "seconds", 1, _LONGEST_TTL_S, 30) * 1_000,
        int(at),
        control.clock.now(),
    )
    control.bus.news(topics.ANY)
    told = [
        {"token": one.token, "tries": one.tries, "until": one.until, "event": topics.event_of(one)} for one in given
    ]
    return JSONResponse({"deliveries": told})


async def ack(request: Request) -> Response:
    return await _settle(request, good=True)


async def nack(request: Request) -> Response:
    return await _settle(request, good=False)


async def _settle(request: Request, *, good: bool) -> Response:
    control, raw = control_of(request), _fields(await json_of(request), "tokens")
    tokens = raw.get("tokens")
    if not isinstance(tokens, list) or len(tokens) > _MAX_TAKE or not all(isinstance(one, str) for one in tokens):
        raise BadInput(f"tokens: expected a list of at most {_MAX_TAKE:,} texts", where="tokens")
    topic, group = await topics.name_of(control, request.path_params["ref"], writing=False), _group(request)
    if not any(one.name == group for one in await control.store.groups(topic)):
        raise NotFound(f"no group {group!r} of {topic!r}", hint="it begins with its first take")
    stale = await control.store.settle(topic, group, tokens, good, control.clock.now())
    control.bus.news(topics.ANY)
    return JSONResponse({"stale": stale})


def _group(request: Request) -> str:
    name = str(request.path_params["group"])
    check_topic(name, writing=False)
    return name


def _fields(raw: object, *known: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise BadInput("expected an object")
    unknown = set(raw) - set(known)
    if unknown:
        raise BadInput(f"unknown field {min(unknown)!r}", hint=f"fields are: {', '.join(known)}")
    return raw


def _number(given: str, name: str, least: int, most: int) -> int:
    """A number in an address. Raises: BadInput."""
    if not (given.isascii() and given.isdigit() and len(given) < 17 and least <= int(given) <= most):
        raise BadInput(f"{name}: expected a whole number from {least} to {most}", where=name)
    return int(given)


def _whole(raw: dict[str, Any], name: str, least: int, most: int, otherwise: int = 0) -> int:
    value = raw.get(name, otherwise)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadInput(f"{name}: expected a whole number from {least} to {most}", where=name)
    return value


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/topics",
        "Topics by name; as text/event-stream a nudge whenever there is news in any",
        list_topics,
        query={"prefix": "string", "after": "string", "limit": "integer"},
        may=May.READ,
    ),
    Endpoint(
        "POST",
        "/v1/topics",
        "Makes a topic, or sets what it keeps",
        make_topic,
        body={"name": "string", "keep_seconds": "integer", "keep_count": "integer"},
        may=May.WORK,
    ),
    Endpoint(
        "POST",
        "/v1/topics/{ref}",
        "Publishes a CloudEvent or a batch of them; one that is known is not stored again",
        publish,
        body={"id": "string", "source": "string", "type": "string", "specversion": "string", "data": "object"},
        may=May.WORK,
    ),
    Endpoint(
        "GET",
        "/v1/topics/{ref}",
        "Events behind a position or `latest`, waited for if asked; as text/event-stream also those that come",
        read_topic,
        query={"after": "integer", "limit": "integer", "wait": "integer", **dict.fromkeys(_FILTERS, "string")},
        may=May.READ,
    ),
    Endpoint("GET", "/v1/topics/{ref}/groups", "The groups of consumers of a topic", list_groups, may=May.READ),
    Endpoint(
        "GET",
        "/v1/topics/{ref}/{position}",
        "One event in CloudEvents' structured mode, or in binary mode: ce- headers, and its data as the body",
        read_event,
        query={"mode": "string"},
        may=May.READ,
    ),
    Endpoint(
        "POST",
        "/v1/topics/{ref}/groups/{group}/take",
        "Gives a consumer of a group what is next, for a time",
        take,
        body={"consumer": "string", "max": "integer", "seconds": "integer", "start": "string"},
        may=May.WORK,
    ),
    Endpoint(
        "POST",
        "/v1/topics/{ref}/groups/{group}/ack",
        "Acknowledges deliveries",
        ack,
        body={"tokens": "array"},
        may=May.WORK,
    ),
    Endpoint(
        "POST",
        "/v1/topics/{ref}/groups/{group}/nack",
        "Gives deliveries back at once",
        nack,
        body={"tokens": "array"},
        may=May.WORK,
    ),
)
