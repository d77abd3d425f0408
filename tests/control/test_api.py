"""The operator's API: every route of the table in its documented shape, and who is kept out."""

import http.client
import json
import re
import socket
from typing import Any

import jsonschema
import pytest

from paddock.cli.api import Api
from paddock.core.errors import BadInput, Conflict, NotFound
from paddock.web.api import ENDPOINTS
from support.fleet import Fleet
from support.light import Light, done

JSON = {"content-type": "application/json"}


def ask(plane: Fleet, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any, bytes]:
    """One request as anybody could make it: status, decoded JSON or None, raw body."""
    link = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=30)
    try:
        link.request(method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = link.getresponse()
        raw = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(raw) if is_json else None, raw
    finally:
        link.close()


@pytest.fixture(scope="module")
def document(plane: Fleet) -> dict[str, Any]:
    found: dict[str, Any] = plane.api.get("/v1/openapi.json")
    return found


@pytest.fixture(scope="module")
def names(plane: Fleet) -> dict[str, str]:
    """A job, its agent and its change, for the routes that want one."""
    return proposed(plane, "routes")


def shown(path: str) -> str:
    """A route's path as the document has it."""
    return re.sub(r":\w+}", "}", path)


def proposed(plane: Fleet, name: str) -> dict[str, str]:
    """A job in review."""
    light = Light(plane.api, plane.port, name, kinds=("command",), slots=9)
    light.beat()
    job = plane.run(["true"], id=name)
    grant = next(grant for grant in light.beat(want=9)[0] if grant.job == job)
    tree = {"base": "a" * 40, "head": "b" * 40, "tree": "c" * 40, "branch": f"paddock/{job}"}
    light.beat(done(grant, change=tree))
    return {"jobs": job, "changes": plane.job(job)["change"], "agents": light.agent}


def test_the_openapi_document_is_whole(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1") and document["info"]["title"] == "Paddock"
    table = {(endpoint.method.lower(), shown(endpoint.path)) for endpoint in ENDPOINTS}
    listed = {(method, path) for path, methods in document["paths"].items() for method in methods}
    agents = {("post", f"/v1/{path}") for path in ("beat", "activate", "jobs/{ref}/log", "agent-state", "agent-topics")}
    agents.add(("get", "/v1/wake"))
    assert listed == table | agents
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            asked = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]
            assert asked == re.findall(r"{(\w+)}", path) and operation["summary"] and operation["responses"]
    for ref in re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document)):
        assert ref in document["components"]["schemas"]


@pytest.mark.parametrize(
    "endpoint",
    [e for e in ENDPOINTS if e.path not in ("/v1/events", "/v1/registry/watch")],
    ids=lambda e: f"{e.method} {e.path}",
)
def test_every_route_answers_as_documented(
    plane: Fleet, document: dict[str, Any], names: dict[str, str], endpoint: Any
) -> None:
    documented = shown(endpoint.path)
    ref = names.get([*documented.split("/"), ""][2], "nothing")
    parts = {"ref": ref, "space": "project", "owner": "shop"}
    path = re.sub(r"{(\w+)}", lambda part: parts.get(part[1], "k"), documented)
    query = "?jobs=3&seconds=9" if path == "/v1/fan-out" else ""
    bad = endpoint.method == "POST" and bool(endpoint.body) and endpoint.path not in ("/v1/tokens",)
    body = b'{"surprise": 1}' if bad and not path.endswith("drain") else b"{}"
    status, told, _ = ask(plane, endpoint.method, path + query, body if endpoint.method == "POST" else b"", **JSON)
    media = next(iter(document["paths"][documented][endpoint.method.lower()]["responses"]["2XX"]["content"]))
    if status == 303:
        assert "3XX" in document["paths"][documented][endpoint.method.lower()]["responses"]
    elif status < 300:
        assert status == 204 or (told is not None) == (media == "application/json")
    else:
        error = document["components"]["schemas"]["Error"]
        jsonschema.validate(told, error)
        assert 400 <= status < 500


def test_shapes(plane: Fleet, names: dict[str, str]) -> None:
    project = plane.api.get("/v1/projects")[0]
    assert set(project) == {"name", "repo", "branch", "checks", "created", "weight", "paused"}
    assert (
        plane.api.post("/v1/projects", {k: project[k] for k in ("name", "repo", "branch", "checks")}).keys()
        == project.keys()
    )
    job = plane.job(names["jobs"])
    assert {"id", "name", "state", "attempts", "journal", "payload", "scope", "cancel", "losses"} <= set(job)
    assert set(plane.api.get(f"/v1/changes/{names['changes']}/gate")) >= {
        "change",
        "mergeable",
        "reasons",
        "approved_by",
    }
    fleet = plane.api.get("/v1/fleet")
    assert {"online", "agents", "online_ratio", "jobs_per_hour", "anomalies", "version_skew"} <= set(fleet)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Host": "localhost:1"}, 201),
        ({"Host": "evil.test"}, 403),
        ({"Host": "127.0.0.1.evil.test:8420"}, 403),
        ({"Host": "10.0.0.1"}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"content-type": "text/plain"}, 403),
        ({"content-type": "application/x-www-form-urlencoded"}, 403),
        ({"content-type": "multipart/form-data; boundary=x"}, 403),
    ],
    ids=str,
)
def test_other_sites_and_forms_change_nothing(plane: Fleet, headers: dict[str, str], status: int) -> None:
    found, told, _ = ask(plane, "POST", "/v1/tokens", b"{}", **{**JSON, **headers})
    assert found == status
    assert status == 201 or told["error"]["code"] == "cross_site"


def test_a_rebound_name_may_not_even_look(plane: Fleet) -> None:
    assert ask(plane, "GET", "/v1/jobs", Host="evil.test")[0] == 403
    assert ask(plane, "GET", "/", Host="evil.test")[0] == 403


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "the body is no JSON"),
        (b"\xff\xfe", "the body is no JSON"),
        (b"[" * 100_000, "Expected `object`, got `array`"),
        (b'{"project":"shop","jobs":[{"id":"a","payload":{"argv":["\\ud800"]}}]}', "the body is no JSON"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field"),
        (b'{"project":"nope","jobs":[{"id":"a","kind":"noop"}]}', "unknown project 'nope'"),
        (b'{"project":"shop","jobs":[{"id":"a","kind":"magic"}]}', "unknown kind 'magic'"),
        (b'{"project":"shop","jobs":[]}', "1 to 20,000 jobs"),
        (b'{"project":"shop","jobs":[{"id":"a","kind":"noop","depends_on":["a"]}]}', "depends on itself"),
        (
            b'{"project":"shop","opens_after":{"batch":"b0","done":1},"jobs":[{"id":"a","kind":"noop"}]}',
            "unknown batch",
        ),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_a_batch_that_cannot_be_used_stores_nothing(plane: Fleet, body: bytes, told: str) -> None:
    before = plane.api.get("/v1/journal", after=-1, limit=1)[0]["seq"]
    status, answer, _ = ask(plane, "POST", "/v1/jobs", body, **JSON)
    assert status in (400, 404) and told in answer["error"]["message"]
    assert plane.api.get("/v1/journal", after=-1, limit=1)[0]["seq"] == before


def test_a_batch_of_twenty_thousand_jobs_is_taken_whole(plane: Fleet) -> None:
    made = plane.submit(
        *(
            {"id": f"job-number-{n}", "payload": {"argv": ["true", "x" * 40]}, "requires": ["none"]}
            for n in range(20_000)
        )
    )
    assert len(made) == 20_000


def test_bodies_too_large_are_refused(plane: Fleet) -> None:
    status, told, _ = ask(plane, "POST", "/v1/tokens", b" " * (1 << 20) + b"{}", **JSON)
    assert (status, told["error"]["code"]) == (413, "too_large")


def test_a_slow_client_keeps_nobody_waiting(plane: Fleet) -> None:
    slow = []
    for _ in range(50):
        link = socket.create_connection(("127.0.0.1", plane.port))
        link.sendall(b"POST /v1/beat HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        slow.append(link)
    try:
        assert plane.api.get("/v1/health")["ok"]
    finally:
        for link in slow:
            link.close()


def test_decisions_need_a_name_and_an_open_change(plane: Fleet) -> None:
    names = proposed(plane, "decided")
    at = f"/v1/changes/{names['changes']}"
    for body in ({}, {"by": ""}, {"by": " "}, {"by": 3}, {"by": "a\nb"}, {"by": "ann", "note": 3}):
        with pytest.raises(BadInput):
            plane.api.post(f"{at}/approve", body)
    with pytest.raises(NotFound):
        plane.api.post("/v1/changes/c0/approve", {"by": "ann"})
    plane.api.post(f"{at}/reject", {"by": "ann", "note": "no"})
    with pytest.raises(Conflict, match="is rejected"):
        plane.api.post(f"{at}/approve", {"by": "ann"})
    assert plane.job(names["jobs"])["state"] == "failed"


@pytest.mark.parametrize("path", ["/v1/jobs/nope", "/v1/jobs/nope/log", "/v1/agents/x", "/v1/changes/%00", "/v1/nope"])
def test_what_is_not_there_is_said_in_the_one_shape(plane: Fleet, path: str) -> None:
    status, told, _ = ask(plane, "GET", path)
    assert status in (404, 405) and set(told["error"]) == {"code", "message", "hint", "retryable", "where"}


@pytest.mark.parametrize("query", ["state=odd", "limit=0", "limit=x", "limit=nan", "limit=1e99", "limit=-1"])
def test_a_query_that_makes_no_sense_is_bad_input(plane: Fleet, query: str) -> None:
    assert ask(plane, "GET", f"/v1/jobs?{query}")[0] == 400


def test_an_event_says_where_to_read_on(plane: Fleet) -> None:
    link = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=60)
    link.request("GET", "/v1/events")
    answer = link.getresponse()
    assert answer.readline().startswith(b": from ")
    Api(plane.url).post("/v1/tokens", {"label": "news"})
    plane.submit({"id": "news", "kind": "noop", "payload": {}, "requires": ["none"]})
    lines = iter(answer.readline, b"")
    told = (json.loads(line[5:]) for line in lines if line.startswith(b"data:"))
    # The token may be news of its own, before the job's.
    assert next(news for news in told if "job.submitted" in news["types"])["seq"] > 0
    link.close()
