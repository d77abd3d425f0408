"""CloudEvents 1.0: what an event must say of itself, whichever way it comes. Source: cloudevents/spec v1.0.2."""

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from paddock.core.errors import BadInput

MAX_EVENT = 256 << 10
MAX_BATCH = 1_000
TOPIC = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}\Z")
# Topics that Paddock itself writes.
OWN = "paddock."
_REQUIRED = ("id", "source", "type")
_NAME = re.compile(r"[a-z0-9]{1,20}\Z")
_TEXTS = ("datacontenttype", "dataschema", "subject", "time")
# RFC 3339, as the specification wants times.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,12})?([Zz]|[+-]\d\d:\d\d)\Z")
# What headers may hold as it stands; the specification has the rest percent-encoded (HTTP binding, 3.1.3.2).
_APART = ("data", "data_base64", "datacontenttype")
_SAFE = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")


def check_topic(name: str, *, writing: bool) -> None:
    """Raises: BadInput when this is no topic's name, or one that only Paddock writes to."""
    if not TOPIC.match(name):
        raise BadInput(f"{name[:60]!r} is no topic", hint="lower-case letters, digits, . _ -", where="topic")
    if writing and name.startswith(OWN):
        raise BadInput(f"topics that begin with {OWN!r} are Paddock's own", hint="choose another name", where="topic")


def check_event(event: object, where: str) -> dict[str, Any]:
    """A decoded event, once it is one.

    Raises: BadInput naming the attribute.
    """
    if not isinstance(event, dict):
        raise BadInput(f"{where}: expected an object", where=where)
    if event.get("specversion") != "1.0":
        raise BadInput(f"{where}.specversion: expected '1.0'", where=f"{where}.specversion")
    for name in _REQUIRED:
        value = event.get(name)
        if not isinstance(value, str) or not value or len(value) > 1_024:
            raise BadInput(f"{where}.{name}: expected a text of 1 to 1,024 characters", where=f"{where}.{name}")
    if "data" in event and "data_base64" in event:
        raise BadInput(f"{where}: data and data_base64 exclude each other", where=where)
    for name, value in event.items():
        if name not in ("data", "data_base64"):
            _check_attribute(name, value, where)
    if "data_base64" in event:
        _check_base64(event["data_base64"], where)
    if len(msgspec.json.encode(event)) > MAX_EVENT:
        raise BadInput(f"{where}: an event has at most {MAX_EVENT:,} bytes", where=where)
    return event


def _check_attribute(name: str, value: object, where: str) -> None:
    if not _NAME.match(name):
        hint = "lower-case letters and digits, at most 20"
        raise BadInput(f"{where}: {name[:40]!r} is no attribute's name", hint=hint, where=where)
    if isinstance(value, dict | list) or (name in _TEXTS and not isinstance(value, str)):
        raise BadInput(f"{where}.{name}: expected a simple value", where=f"{where}.{name}")
    if name == "time" and not _TIME.match(str(value)):
        raise BadInput(f"{where}.time: expected a moment such as 2026-01-31T12:00:00Z", where=f"{where}.time")


def _check_base64(value: object, where: str) -> None:
    try:
        base64.b64decode(value if isinstance(value, str) else "!", validate=True)
    except ValueError:
        raise BadInput(f"{where}.data_base64: expected base64", where=f"{where}.data_base64") from None


def from_headers(headers: Mapping[str, str], content_type: str, body: bytes) -> dict[str, Any]:
    """The event of a request in binary mode: attributes in `ce-` headers, the body its data. Raises: BadInput."""
    event: dict[str, Any] = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    if content_type:
        event["datacontenttype"] = content_type
    if not body:
        return event
    kind = content_type.split(";")[0].strip().lower()
    if not kind or kind.endswith(("/json", "+json")):
        try:
            event["data"] = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadInput("the data is no JSON", where="data") from None
        return event
    try:
        event |= {"data": body.decode()} if kind.startswith("text/") else {"data_base64": msgspec.to_builtins(body)}
    except UnicodeDecodeError:
        event["data_base64"] = msgspec.to_builtins(body)
    return event


def to_headers(event: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """An event in binary mode: the headers, `content-type` among them, and the body."""
    headers = {f"ce-{name}": _header(value) for name, value in event.items() if name not in _APART}
    kind = event.get("datacontenttype", "")
    if "data_base64" in event:
        body = base64.b64decode(event["data_base64"])
    elif isinstance(event.get("data"), str) and kind.startswith("text/"):
        body = event["data"].encode()
    elif "data" in event:
        body, kind = msgspec.json.encode(event["data"]), kind or "application/json"
    else:
        body = b""
    return {**headers, **({"content-type": quote(kind, safe=f'{_SAFE} "')} if kind else {})}, body


def _header(value: object) -> str:
    return quote("true" if value is True else "false" if value is False else str(value), safe=_SAFE)
