"""The CloudEvents SDK reads what topics serve in every mode, and topics take what it makes."""

import http.client
import json
import secrets
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http, to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from support.fleet import Fleet

MOMENT = datetime(2026, 1, 31, 12, 30, 15, 250_000, tzinfo=UTC)
EVENTS = {
    "json": CloudEvent(
        {"id": "1", "source": "/ci", "type": "build.done", "time": MOMENT, "datacontenttype": "application/json"},
        {"green": True, "took": 1.5, "names": ["a", "ß"]},
    ),
    "text": CloudEvent({"id": "2", "source": "/ci", "type": "said", "datacontenttype": "text/plain"}, "grüß dich"),
    "bytes": CloudEvent({"id": "3", "source": "/ci", "type": "shot", "datacontenttype": "image/png"}, b"\x89PNG\xff"),
    "no data": CloudEvent({"id": "4", "source": "/ci", "type": "ping", "subject": 'with "quotes", 100 % ü'}),
    "extension": CloudEvent({"id": "5 6", "source": "/ci?x=1", "type": "t", "traceparent": "00-ab-01"}, {"n": None}),
}


def exchange(plane: Fleet, method: str, path: str, sent: HTTPMessage | None = None, **more: str) -> HTTPMessage:
    link = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=30)
    try:
        link.request(method, path, sent.body if sent else None, {**(sent.headers if sent else {}), **more})
        answer = link.getresponse()
        body = answer.read()
        assert answer.status < 300, body
        return HTTPMessage({name.lower(): value for name, value in answer.getheaders()}, body)
    finally:
        link.close()


def same(found: object, made: CloudEvent) -> None:
    """That what came back is what was made; Paddock adds where it stands."""
    assert isinstance(found, CloudEvent)
    attributes = found.get_attributes()
    assert attributes.pop("sequence") == "1"
    given = made.get_attributes()
    if "datacontenttype" not in given:  # which says what it would be without
        assert attributes.pop("datacontenttype", "application/json") == "application/json"
    assert attributes == given
    data = found.get_data()
    assert (data.decode() if isinstance(data, bytes) and isinstance(made.get_data(), str) else data) == made.get_data()


@pytest.mark.parametrize("way", [to_structured_event, to_binary_event], ids=["structured", "binary"])
@pytest.mark.parametrize("made", EVENTS.values(), ids=EVENTS)
def test_the_sdk_reads_what_it_wrote(plane: Fleet, made: CloudEvent, way: object) -> None:
    path = f"/v1/topics/t-{secrets.token_hex(4)}"
    exchange(plane, "POST", path, way(made))  # type: ignore[operator]
    for mode in ("structured", "binary"):
        same(from_http(exchange(plane, "GET", f"{path}/1?mode={mode}"), JSONFormat()), made)


def test_batches_are_read_and_taken(plane: Fleet) -> None:
    path, media = f"/v1/topics/t-{secrets.token_hex(4)}", "application/cloudevents-batch+json"
    body = b"[" + b",".join(JSONFormat().write(made) for made in EVENTS.values()) + b"]"
    exchange(plane, "POST", path, HTTPMessage({"content-type": media}, body))
    found = exchange(plane, "GET", path, accept=media)
    assert found.headers["content-type"] == media
    read = [JSONFormat().read(CloudEvent, json.dumps(one)) for one in json.loads(found.body)]
    assert [one.get_id() for one in read] == [made.get_id() for made in EVENTS.values()]
    assert [one.get_data() for one in read] == [made.get_data() for made in EVENTS.values()]
