"""What jobs remember, over HTTP: operators' requests and the signed calls of attempts, on a real control plane."""

import hashlib
import http.client
import json
import os
from collections.abc import Iterator

import msgspec
import pytest

from paddock.wire.logs import split
from paddock.wire.state import StateAnswer, StateCall, join
from support.fleet import Fleet
from support.light import Light, Refused

Answer = tuple[int, dict[str, str], bytes]


class Http:
    """Plain requests to a control plane."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            link.request(method, path, body or None, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = link.getresponse()
            return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read()
        finally:
            link.close()


@pytest.fixture
def http_to(plane: Fleet) -> Http:
    return Http(plane.port)


@pytest.fixture
def light(plane: Fleet) -> Iterator[Light]:
    """An agent that holds one job of the project."""
    agent = Light(plane.api, plane.port, f"light-{os.urandom(4).hex()}")
    plane.submit({"id": "held", "kind": "noop"})
    agent.beat(want=1)
    assert agent.held
    yield agent


def code(answer: Answer) -> tuple[int, str]:
    return answer[0], json.loads(answer[2])["error"]["code"]


def test_a_value_is_set_compared_read_and_deleted(http_to: Http) -> None:
    path = "/v1/state/project/shop/deep/key%20one"
    status, headers, _ = http_to("PUT", path, b"one", If_None_Match="*", content_type="text/plain", Paddock_Ttl="60")
    tag = headers["etag"]
    assert status == 200 and tag.startswith('"r') and "paddock-expires" in headers
    again = http_to("PUT", path, b"two", If_None_Match="*")
    assert code(again) == (412, "precondition_failed") and again[1]["etag"] == tag
    status, headers, body = http_to("GET", path)
    assert (status, headers["etag"], headers["content-type"], body) == (200, tag, "text/plain", b"one")
    assert "sandbox" in headers["content-security-policy"] and headers["x-content-type-options"] == "nosniff"
    assert http_to("GET", path, If_None_Match=tag)[0] == 304
    status, headers, _ = http_to("PUT", path, b"two", If_Match=tag)
    assert status == 200 and "paddock-expires" not in headers
    listed = json.loads(http_to("GET", "/v1/state/project/shop?prefix=deep/")[2])["keys"]
    assert [(key["key"], key["size"]) for key in listed] == [("deep/key one", 3)]
    assert code(http_to("DELETE", path, If_Match=tag))[0] == 412
    assert http_to("DELETE", path, If_Match=headers["etag"])[0] == 200
    assert code(http_to("GET", path)) == (404, "not_found")
    assert code(http_to("PUT", path, b"x", If_Match="*"))[0] == 412


def test_bad_requests_are_named(http_to: Http) -> None:
    path = "/v1/state/project/shop/k"
    bad: tuple[tuple[str, dict[str, str]], ...] = (
        (path, {"If_Match": "r1"}),
        (path, {"If_None_Match": '"r1"'}),
        (path, {"If_Match": "*", "If_None_Match": "*"}),
        (path, {"Paddock_Ttl": "soon"}),
        (path, {"Paddock_Ttl": "nan"}),
        (path, {"Paddock_Sha256": "abc"}),
        (path, {"Paddock_Write": "x" * 65}),
        ("/v1/state/planet/shop/k", {}),
        ("/v1/state/project/shop/" + "k" * 257, {}),
        ("/v1/state/project/shop/a%07b", {}),
    )
    for where, headers in bad:
        assert code(http_to("PUT", where, b"x", **headers)) == (400, "bad_input"), (where, headers)
    assert code(http_to("PUT", "/v1/state/project/nobody/k", b"x")) == (404, "not_found")
    assert code(http_to("PUT", path, b"x", Paddock_Sha256="0" * 64)) == (404, "not_found")
    assert code(http_to("GET", "/v1/state/project/shop?limit=0")) == (400, "bad_input")
    assert code(http_to("PUT", path, b"x", Origin="http://elsewhere.example")) == (403, "cross_site")


def test_large_values_are_stored_by_their_digest(http_to: Http) -> None:
    data = os.urandom(600_000)
    digest = hashlib.sha256(data).hexdigest()
    path = "/v1/state/project/shop/large"
    status, headers, _ = http_to("PUT", path, data)
    assert (status, headers["paddock-sha256"]) == (200, digest)
    assert http_to("GET", path)[2] == data == http_to("GET", f"/v1/blobs/{digest}")[2]
    other = os.urandom(300_000)
    name = hashlib.sha256(other).hexdigest()
    assert code(http_to("PUT", f"/v1/blobs/{name}", data)) == (400, "digest_mismatch")
    assert code(http_to("GET", f"/v1/blobs/{name}")) == (404, "not_found")
    assert http_to("PUT", f"/v1/blobs/{name}", other)[0] == 201
    assert http_to("PUT", path, b"", Paddock_Sha256=name)[0] == 200
    assert http_to("GET", path)[2] == other
    assert code(http_to("PUT", path, b"x" * ((16 << 20) + 1))) == (413, "value_too_large")
    assert json.loads(http_to("GET", "/v1/state")[2])["large"]["blobs"] == 2


def call(agent: Light, data: bytes = b"", **fields: object) -> tuple[StateAnswer, bytes]:
    [(job, epoch)] = agent.held.items()
    head = StateCall(**{"job": job, "epoch": epoch, "session": agent.session, **fields})  # type: ignore[arg-type]
    told, value = split(agent.post("/v1/agent-state", join(head, data), "state"))
    return msgspec.json.decode(told, type=StateAnswer), value


def test_an_attempt_acts_while_it_holds_its_job(http_to: Http, light: Light) -> None:
    [job] = light.held
    put = call(light, b"step 1", op="put", key="step", absent=True, write_id="w")[0]
    assert put.status == 200 and call(light, b"step 1", op="put", key="step", absent=True, write_id="w")[0] == put
    refused = call(light, b"x", op="put", key="step", absent=True)[0]
    assert (refused.status, refused.code, refused.etag) == (412, "precondition_failed", put.etag)
    assert call(light, op="get", key="step")[1] == b"step 1"
    assert http_to("GET", f"/v1/state/job/{job}/step")[2] == b"step 1"
    assert [key.key for key in call(light, op="list")[0].keys] == ["step"]
    assert call(light, op="delete", key="step", match=put.etag)[0].status == 200
    assert call(light, op="get", key="step")[0].code == "not_found"


def test_a_write_that_comes_late_undoes_nothing(light: Light) -> None:
    call(light, b"1", op="put", key="k", seq=1, write_id="w1")
    call(light, b"2", op="put", key="k", seq=2, write_id="w2")
    for op in ("put", "delete"):
        late = call(light, b"1", op=op, key="k", seq=1, write_id="w1")[0]
        assert (late.status, late.code) == (409, "overtaken")
    assert call(light, op="get", key="k")[1] == b"2"


def test_an_attempt_sends_a_large_value_in_parts(light: Light) -> None:
    data = os.urandom(300_000)
    digest = hashlib.sha256(data).hexdigest()
    for start in (0, 200_000):
        part = data[start : start + 200_000]
        assert call(light, part, op="part", upload="u1", offset=start)[0].status == 200
    wrong = call(light, op="put", key="big", upload="u1", digest="0" * 64)[0]
    assert wrong.code == "digest_mismatch"
    told = call(light, op="put", key="big", upload="u1", digest=digest)[0]
    assert told.found is not None and told.found.size == 300_000
    parts = [call(light, op="read", key="big", offset=start, match=told.etag)[1] for start in (0, 200_000)]
    assert b"".join(parts) == data
    # Whoever knows a digest alone has nothing of it.
    assert call(light, op="put", key="stolen", upload="u2", digest=digest)[0].code == "not_found"


def test_an_attempt_that_lost_its_job_touches_nothing(plane: Fleet, light: Light) -> None:
    [job] = light.held
    assert call(light, b"1", op="put", key="k")[0].status == 200
    for fields in ({"epoch": light.held[job] + 1}, {"session": "s-other"}, {"job": "j-none"}):
        answer = call(light, b"2", op="put", key="k", **fields)[0]
        assert (answer.status, answer.code) == (409, "stale_lease")
    call(light, b"2", op="put", key="k", session="s-other")
    assert call(light, op="get", key="k")[1] == b"1"
    refusals = [event for event in plane.job(job)["journal"] if event["type"] == "state.refused"]
    assert len(refusals) == 2  # one for each attempt, however often it asks
    with pytest.raises(Refused) as error:
        light.post("/v1/agent-state", b"{}\n", "log")
    assert error.value.args == (401, "unauthorised")
