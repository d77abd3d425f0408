"""Topics for a run, through its agent's socket: `/v1/topics/SPACE/NAME`, with the run's own project, job and agent.

Each call is signed and names the attempt it is made for, as calls to state are. An event without an id is given one
before it is signed, so that a call that is sent twice is done once.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from paddock.agent.http import Client
from paddock.agent.local_socket import Answer, Request
from paddock.agent.local_state import NoSuchMethod
from paddock.core.cloudevents import from_headers
from paddock.core.errors import BadInput, NotFound, Unauthorised, Unreachable
from paddock.wire.keys import Signer
from paddock.wire.logs import split
from paddock.wire.messages import JobOrder
from paddock.wire.signing import AGENT_HEADER, SIGNATURE_HEADER, sign
from paddock.wire.topics import MAX_CALL, PAGE, WAIT_S, TopicAnswer, TopicCall, join

_PATH = "/v1/agent-topics"
_SPACES = ("project", "job", "agent", "paddock")
# Seconds beyond its waiting after which a call is given up.
_LATE_S = 30.0


class EventsTooLarge(BadInput):
    """The events are too large."""

    code = "events_too_large"
    status = 413


class LocalTopics:
    """One attempt's calls. `handle` answers what the run asks for."""

    def __init__(self, client: Client, server: str, agent: str, key: Signer, order: JobOrder, session: str) -> None:
        self._client = client
        self._server = server
        self._agent = agent
        self._key = key
        self._call = TopicCall(job=order.job, epoch=order.epoch, session=session, op="list")

    async def handle(self, request: Request) -> Answer:
        """Raises: BadInput, NotFound, Unreachable; what the control plane refuses is an answer."""
        _, _, _, *rest = request.path.split("/")
        if not 1 <= len(rest) <= 2 or rest[0] not in _SPACES or not all(rest):
            raise NotFound("the path names no topic", hint="such as /v1/topics/project/NAME")
        if len(rest) == 1 or request.method not in ("GET", "POST"):
            if request.method != "GET":
                raise NoSuchMethod()
            return _told(*await self._ask(op="list", space=rest[0]))
        if request.method == "GET":
            return await self._read(request, *rest)
        return await self._publish(request, *rest)

    async def _read(self, request: Request, space: str, topic: str) -> Answer:
        query = request.query
        latest = query.get("after") == "latest"
        told, events = await self._ask(
            op="read",
            space=space,
            topic=topic,
            after=-1 if latest else _number(query, "after", 0, 0, 2**53),
            limit=_number(query, "limit", 100, 1, PAGE),
            wait=_number(query, "wait", 0, 0, WAIT_S),
        )
        return _told(told, events)

    async def _publish(self, request: Request, space: str, topic: str) -> Answer:
        if request.left > MAX_CALL:
            raise EventsTooLarge(f"one call publishes at most {MAX_CALL:,} bytes")
        body = await request.read(request.left)
        if "ce-type" in request.headers:
            raw: Any = from_headers(request.headers, request.headers.get("content-type", ""), body)
        else:
            try:
                raw = msgspec.json.decode(body or b"{}")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise BadInput("the body is no JSON") from None
        events = [self._complete(event) for event in (raw if isinstance(raw, list) else [raw])]
        data = msgspec.json.encode(events)
        if len(data) > MAX_CALL + 100_000:
            raise EventsTooLarge(f"one call publishes at most {MAX_CALL:,} bytes")
        told, _ = await self._ask(data, op="publish", space=space, topic=topic)
        if told.status != 200:
            return _told(told, b"")
        return Answer(201, body=msgspec.json.encode({"topic": told.topic, "positions": told.positions}))

    def _complete(self, event: Any) -> Any:
        """An event with what the run left out; anything else as it is, for the control plane to refuse."""
        if not isinstance(event, dict):
            return event
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
        given = {"specversion": "1.0", "id": secrets.token_hex(12), "source": f"/jobs/{self._call.job}", "time": now}
        return {**given, **event}

    async def _ask(self, data: bytes = b"", **fields: Any) -> tuple[TopicAnswer, bytes]:
        """Raises: Unreachable, Unauthorised, BadInput."""
        call = msgspec.structs.replace(self._call, **fields)
        if len(call.topic) > 128:
            raise BadInput("a topic's name has at most 128 characters", where="topic")
        body = join(call, data)
        headers = {AGENT_HEADER: self._agent, SIGNATURE_HEADER: sign(body, "topics", self._key)}
        client = Client(self._server) if call.wait else self._client  # one that waits is in nobody's way
        try:
            answer = await client.post(_PATH, body, headers, call.wait + _LATE_S)
        finally:
            if call.wait:
                await client.close()
        if answer.status != 200:
            code, message = answer.error()
            if answer.status in (401, 403):
                raise Unauthorised(message)
            raise Unreachable(f"the control plane answers {answer.status} {code}: {message}")
        head, events = split(answer.body)
        try:
            return msgspec.json.decode(head, type=TopicAnswer), events
        except msgspec.MsgspecError:
            raise Unreachable("the control plane's answer cannot be read") from None


def _number(query: Mapping[str, str], name: str, otherwise: int, least: int, most: int) -> int:
    given = query.get(name, str(otherwise))
    if not (given.isascii() and given.isdigit() and len(given) < 17 and least <= int(given) <= most):
        raise BadInput(f"{name}: expected a whole number from {least} to {most}", where=name)
    return int(given)


def _told(told: TopicAnswer, events: bytes) -> Answer:
    if told.status == 200:
        return Answer(200, {"paddock-position": str(told.after)}, events)
    error = {"code": told.code, "message": told.message, "hint": told.hint, "retryable": told.retryable}
    return Answer(told.status, {}, msgspec.json.encode({"error": error}))
