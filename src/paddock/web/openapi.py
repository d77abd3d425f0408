"""The OpenAPI document, made from the table of endpoints and the message structs."""

import re
from functools import cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paddock import __version__
from paddock.core.job import Batch
from paddock.core.people import May
from paddock.web.api import ENDPOINTS
from paddock.web.endpoint import Endpoint
from paddock.web.identity import SECURE_COOKIE
from paddock.wire.messages import Activated, Activation, Beat, Reply

_TEXT = ("/diff", "/log", "/metrics")
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API token, or the session of `paddock login`"},
    "session": {"type": "apiKey", "in": "cookie", "name": SECURE_COOKIE, "description": "a browser's session"},
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "hint", "retryable", "where"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "hint": {"type": "string"},
                "retryable": {"type": "boolean"},
                "where": {"type": "string"},
            },
        }
    },
}


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    structs = (Batch, Beat, Reply, Activation, Activated)
    _, components = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path.replace(":path}", "}"), {})[endpoint.method.lower()] = _operation(endpoint)
    paths["/v1/beat"] = {"post": _signed("An agent's beat", "Beat", "Reply")}
    paths["/v1/activate"] = {"post": _signed("Redeems an activation token", "Activation", "Activated")}
    paths["/v1/wake"] = {"get": {"summary": "Says when to beat", "responses": _responses("text/event-stream")}}
    paths["/v1/agent-state"] = {"post": _signed_bytes("A signed call of an attempt to what jobs remember")}
    paths["/v1/agent-topics"] = {"post": _signed_bytes("A signed call of an attempt to topics")}
    paths["/v1/jobs/{ref}/log"]["post"] = {
        "summary": "A signed chunk of a run's output",
        "parameters": _path_parameters("/v1/jobs/{ref}/log"),
        "requestBody": {"content": {"application/octet-stream": {}}},
        "responses": _responses("application/json"),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Paddock", "version": __version__},
        "paths": paths,
        "components": {"schemas": {**components, "Error": _ERROR}, "securitySchemes": _SCHEMES},
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    queries = [{"name": n, "in": "query", "schema": {"type": t}} for n, t in endpoint.query.items()]
    media = "text/plain" if endpoint.path.endswith(_TEXT) else "application/json"
    if endpoint.path in ("/v1/events", "/v1/registry/watch"):
        media = "text/event-stream"
    out: dict[str, Any] = {
        "summary": endpoint.about,
        "parameters": _path_parameters(endpoint.path.replace(":path}", "}")) + queries,
        "responses": _responses(media),
    }
    out["x-permission"] = endpoint.may.value
    if endpoint.may is not May.ANYBODY:
        out["security"] = [{name: []} for name in _SCHEMES]
    if endpoint.path.startswith("/v1/oidc/"):
        out["responses"]["3XX"] = {"description": "Where the browser goes on"}
    if endpoint.body:
        schema: dict[str, Any] = {"type": "object", "properties": {n: {"type": t} for n, t in endpoint.body.items()}}
        if endpoint.path == "/v1/jobs":
            schema = {"$ref": "#/components/schemas/Batch"}
        out["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return out


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _signed(about: str, body: str, reply: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}}
    answer = {"application/json": {"schema": {"$ref": f"#/components/schemas/{reply}"}}}
    responses = {**_responses("application/json"), "200": {"description": "The answer", "content": answer}}
    return {"summary": about, "requestBody": {"content": content}, "responses": responses}


def _responses(media: str) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "2XX": {"description": "The answer", "content": {media: {}}},
        "4XX": {"description": "Refused, with the reason", "content": error},
    }


def _signed_bytes(about: str) -> dict[str, Any]:
    content: dict[str, Any] = {"application/octet-stream": {}}
    return {"summary": about, "requestBody": {"content": content}, "responses": _responses("application/octet-stream")}


async def show(_request: Request) -> Response:
    return JSONResponse(document())


routes = [Endpoint("GET", "/v1/openapi.json", "This document", show, may=May.ANYBODY).route()]
