"""What a run remembers through its agent's socket: `/v1/state/SPACE/KEY`, where `job` is the run's own job.

The agent signs each call with its own key and names the attempt it is made for. The control plane takes it while that
attempt holds its job and refuses it ever after, so a run whose job went to another agent can change nothing.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from paddock.agent.http import Client
from paddock.agent.local_socket import Answer, Request
from paddock.core.errors import BadInput, NotFound, PaddockError, Unauthorised, Unreachable
from paddock.core.state import (
    MAX_LIST,
    PART,
    SMALL,
    check_key,
    check_space,
    parse_match,
    parse_ttl,
    parse_type,
    revision,
)
from paddock.wire.keys import Signer
from paddock.wire.logs import split
from paddock.wire.messages import JobOrder
from paddock.wire.signing import AGENT_HEADER, SIGNATURE_HEADER, sign
from paddock.wire.state import KeyInfo, StateAnswer, StateCall, join

_PATH = "/v1/agent-state"


class NoSuchMethod(BadInput):
    """This cannot be done there."""

    code = "method_not_allowed"
    status = 405


class LocalState:
    """One attempt's calls. `handle` answers what the run asks for."""

    def __init__(self, client: Client, agent: str, key: Signer, order: JobOrder, session: str) -> None:
        self._client = client
        self._agent = agent
        self._key = key
        self._call = StateCall(job=order.job, epoch=order.epoch, session=session, op="get")
        self._writes = 0

    async def handle(self, request: Request) -> Answer:
        """Raises: BadInput, NotFound, Unreachable; what the control plane refuses is an answer."""
        _, _, _, *rest = request.path.split("/", 4)
        if not rest:
            raise NotFound("the path names no space", hint="such as /v1/state/job/KEY")
        check_space(rest[0])
        if len(rest) == 1:
            if request.method != "GET":
                raise NoSuchMethod()
            return await self._list(request, rest[0])
        check_key(rest[1])
        if request.method in ("GET", "HEAD"):
            return await self._get(request, rest[0], rest[1])
        if request.method == "PUT":
            return await self._put(request, rest[0], rest[1])
        if request.method == "DELETE":
            match = request.headers.get("if-match", "")
            found = revision(match) if match else ""
            told, _ = await self._write(op="delete", space=rest[0], key=rest[1], match=found)
            return _failed(told) or Answer(body=b'{"deleted": true}')
        raise NoSuchMethod()

    async def _list(self, request: Request, space: str) -> Answer:
        limit = request.query.get("limit", "100")
        if not (limit.isascii() and limit.isdigit() and len(limit) < 9 and 1 <= int(limit) <= MAX_LIST):
            raise BadInput(f"limit: expected 1 to {MAX_LIST}", where="limit")
        given: dict[str, Any] = {"prefix": request.query.get("prefix", ""), "after": request.query.get("after", "")}
        for text in given.values():
            if text:
                check_key(text)
        told, _ = await self._ask(op="list", space=space, limit=int(limit), **given)
        keys = [msgspec.to_builtins(key) for key in told.keys]
        return _failed(told) or Answer(body=msgspec.json.encode({"space": space, "keys": keys}))

    async def _get(self, request: Request, space: str, key: str) -> Answer:
        told, value = await self._ask(op="get", space=space, key=key)
        if told.found is None:
            return _failed(told) or Answer(500)
        headers = {**_headers(told.found), "content-type": told.found.type}
        if told.etag in request.headers.get("if-none-match", "").replace('"', " ").split():
            return Answer(304, headers)
        if told.found.digest is None:
            return Answer(200, headers, value)
        return Answer(200, headers, parts=self._parts(space, told.found), size=told.found.size)

    async def _parts(self, space: str, found: KeyInfo) -> AsyncIterator[bytes]:
        at = 0
        while at < found.size:
            told, value = await self._ask(op="read", space=space, key=found.key, match=found.revision, offset=at)
            if told.status != 200 or not value:
                raise EOFError  # the connection ends early, which the run sees by the length
            at += len(value)
            yield value

    async def _put(self, request: Request, space: str, key: str) -> Answer:
        match, absent = parse_match(request.headers)
        given: dict[str, Any] = {
            "space": space,
            "key": key,
            "match": match,
            "absent": absent,
            "ttl": parse_ttl(request.headers.get("paddock-ttl", "") or request.query.get("ttl", "")),
            "type": parse_type(request.headers.get("content-type", "")),
            # So that a call which is sent twice, because its answer was lost, is done once.
            "write_id": request.headers.get("paddock-write", "")[:64] or secrets.token_hex(12),
        }
        if request.left <= SMALL:
            told, _ = await self._write(await request.read(request.left), op="put", **given)
        else:
            told = await self._put_large(request, given)
        if told.found is None:
            return _failed(told) or Answer(500)
        return Answer(200, _headers(told.found), msgspec.json.encode(told.found))

    async def _put_large(self, request: Request, given: dict[str, Any]) -> StateAnswer:
        upload, hasher, at = f"u{secrets.token_hex(12)}", hashlib.sha256(), 0
        whole = False
        try:
            while request.left:
                data = await request.read(PART)
                hasher.update(data)
                told, _ = await self._ask(data, op="part", upload=upload, offset=at)
                if told.status != 200:
                    return told
                at += len(data)
            told, _ = await self._write(op="put", upload=upload, digest=hasher.hexdigest(), **given)
            whole = told.status == 200
            return told
        finally:
            if not whole and at:
                await self._drop(upload)

    async def _drop(self, upload: str) -> None:
        try:
            await self._ask(op="drop", upload=upload)
        except PaddockError:
            return  # the control plane forgets it by itself, later

    async def _write(self, data: bytes = b"", **fields: Any) -> tuple[StateAnswer, bytes]:
        """One write. Its number is that of its turn at the client, which sends in order. Raises: as `_ask`."""
        self._writes += 1
        return await self._ask(data, seq=self._writes, **fields)

    async def _ask(self, data: bytes = b"", **fields: Any) -> tuple[StateAnswer, bytes]:
        """Raises: Unreachable, Unauthorised."""
        body = join(msgspec.structs.replace(self._call, **fields), data)
        headers = {AGENT_HEADER: self._agent, SIGNATURE_HEADER: sign(body, "state", self._key)}
        answer = await self._client.post(_PATH, body, headers)
        if answer.status != 200:
            code, message = answer.error()
            if answer.status in (401, 403):
                raise Unauthorised(message)
            raise Unreachable(f"the control plane answers {answer.status} {code}: {message}")
        head, value = split(answer.body)
        try:
            return msgspec.json.decode(head, type=StateAnswer), value
        except msgspec.MsgspecError:
            raise Unreachable("the control plane's answer cannot be read") from None


def _headers(found: KeyInfo) -> dict[str, str]:
    out = {"etag": f'"{found.revision}"', "paddock-updated": str(found.updated)}
    if found.expires is not None:
        out["paddock-expires"] = str(found.expires)
    if found.digest is not None:
        out["paddock-sha256"] = found.digest
    return out


def _failed(told: StateAnswer) -> Answer | None:
    if told.status == 200:
        return None
    error = {"code": told.code, "message": told.message, "hint": told.hint, "retryable": told.retryable}
    headers = {"etag": f'"{told.etag}"'} if told.etag else {}
    return Answer(told.status, headers, msgspec.json.encode({"error": error}))
