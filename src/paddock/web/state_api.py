"""What jobs remember, over HTTP: for operators, by space and owner."""

from collections.abc import AsyncIterator, Mapping

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from paddock.control import state
from paddock.core.errors import BadInput
from paddock.core.people import May
from paddock.core.state import (
    MAX_KEY,
    MAX_LIST,
    PreconditionFailed,
    check_digest,
    check_key,
    parse_match,
    parse_ttl,
    parse_type,
    revision,
)
from paddock.store.stating import Head, NewValue
from paddock.web.endpoint import INERT, Endpoint, control_of
from paddock.web.problem import body_of
from paddock.wire.envelope import Malformed


def head_of(found: Head) -> dict[str, str]:
    """A key's facts as headers."""
    out = {"ETag": f'"{found.revision}"', "Paddock-Updated": str(found.updated)}
    if found.expires is not None:
        out["Paddock-Expires"] = str(found.expires)
    if found.digest is not None:
        out["Paddock-Sha256"] = found.digest
    return out


async def usage(request: Request) -> Response:
    return JSONResponse(await control_of(request).store.state_usage())


async def list_keys(request: Request) -> Response:
    control, query = control_of(request), request.query_params
    place = await state.place_of(control, request.path_params["space"], request.path_params["owner"])
    prefix, after, limit = list_query(query)
    found = await control.store.state_list(place, prefix, after, limit, control.clock.now())
    keys = [msgspec.to_builtins(state.info(head)) for head in found]
    return JSONResponse({"space": place.space, "owner": place.owner, "keys": keys})


def list_query(query: Mapping[str, str]) -> tuple[str, str, int]:
    """A list's prefix, the key it goes on behind, and its length. Raises: BadInput."""
    limit = query.get("limit", "100")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 9 and 1 <= int(limit) <= MAX_LIST):
        raise BadInput(f"limit: expected 1 to {MAX_LIST}", where="limit")
    prefix, after = query.get("prefix", ""), query.get("after", "")
    for name, given in (("prefix", prefix), ("after", after)):
        if len(given) > MAX_KEY or not given.isprintable():
            raise BadInput(f"{name}: expected at most {MAX_KEY} printable characters", where=name)
    return prefix, after, int(limit)


async def get_key(request: Request) -> Response:
    control, key = control_of(request), request.path_params["key"]
    place = await state.place_of(control, request.path_params["space"], request.path_params["owner"])
    check_key(key)
    entry = await control.store.state_get(place, key, control.clock.now())
    headers = {**INERT, **head_of(entry)}
    if entry.revision in request.headers.get("if-none-match", "").replace('"', " ").split():
        return Response(status_code=304, headers=headers)
    headers |= {"Content-Length": str(entry.size), "Content-Type": entry.type}
    return StreamingResponse(state.value_of(control, entry), headers=headers)


async def put_key(request: Request) -> Response:
    control, headers = control_of(request), request.headers
    try:
        place = await state.place_of(control, request.path_params["space"], request.path_params["owner"])
        match, absent = parse_match(headers)
        given = NewValue(
            digest=headers.get("paddock-sha256", ""),
            type=parse_type(headers.get("content-type", "")),
            match=match,
            absent=absent,
            ttl=parse_ttl(headers.get("paddock-ttl", "") or request.query_params.get("ttl", "")),
            write_id=_write_id(headers),
        )
        head = await state.put(control, place, request.path_params["key"], _body(request), given)
    except PreconditionFailed as error:
        return _failed(error)
    return JSONResponse(msgspec.to_builtins(state.info(head)), headers=head_of(head))


def _write_id(headers: Mapping[str, str]) -> str:
    given = headers.get("paddock-write", "")
    if len(given) > 64:
        raise BadInput("paddock-write: expected at most 64 characters", where="paddock-write")
    return given


async def delete_key(request: Request) -> Response:
    control, key = control_of(request), request.path_params["key"]
    try:
        place = await state.place_of(control, request.path_params["space"], request.path_params["owner"])
        check_key(key)
        given = request.headers.get("if-match", "")
        await control.store.state_delete(place, key, revision(given) if given else "", control.clock.now())
    except PreconditionFailed as error:
        return _failed(error)
    return JSONResponse({"space": place.space, "owner": place.owner, "key": key, "deleted": True})


def _failed(error: PreconditionFailed) -> Response:
    headers = {"ETag": f'"{error.etag}"'} if error.etag else {}
    return Response(body_of(error), status_code=error.status, media_type="application/json", headers=headers)


async def put_blob(request: Request) -> Response:
    blob = await state.put_blob(control_of(request), request.path_params["sha256"], _body(request))
    return JSONResponse({"sha256": blob.digest, "size": blob.size}, status_code=201)


async def get_blob(request: Request) -> Response:
    control = control_of(request)
    check_digest(request.path_params["sha256"])
    blob = await control.store.blob(request.path_params["sha256"])
    headers = {**INERT, "Content-Length": str(blob.size), "Content-Type": "application/octet-stream"}
    return StreamingResponse(state.blob_parts(control, blob), headers=headers)


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect:
        raise Malformed("the client went away") from None


_KEY = "/v1/state/{space}/{owner}/{key:path}"
ENDPOINTS = (
    Endpoint("GET", "/v1/state", "How much jobs remember, by space", usage, may=May.READ),
    Endpoint(
        "GET",
        "/v1/state/{space}/{owner}",
        "An owner's keys; `space` is `job`, `project` or `agent`",
        list_keys,
        query={"prefix": "string", "after": "string", "limit": "integer"},
        may=May.READ,
    ),
    Endpoint("GET", _KEY, "A value, as it was written; ETag is its revision", get_key, may=May.READ),
    Endpoint(
        "PUT",
        _KEY,
        "Sets a value: If-Match and If-None-Match compare first, Paddock-Ttl is seconds to live",
        put_key,
        query={"ttl": "number"},
        may=May.WORK,
    ),
    Endpoint("DELETE", _KEY, "Deletes a key; If-Match compares first", delete_key, may=May.WORK),
    Endpoint(
        "PUT", "/v1/blobs/{sha256}", "Stores a large value; a key names it by Paddock-Sha256", put_blob, may=May.WORK
    ),
    Endpoint("GET", "/v1/blobs/{sha256}", "A large value", get_blob, may=May.READ),
)
