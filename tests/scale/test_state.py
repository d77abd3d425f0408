"""What jobs remember is the same on every replica."""

import hashlib
import os
import sys
from pathlib import Path

from paddock.client import Client
from support.replicas import Replicas

SCRIPT = """
import http.client, os, socket

for method, path, body in (("PUT", "/v1/state/job/k", b"x" * 300_000), ("GET", "/v1/state/job/k", None)):
    link = http.client.HTTPConnection("localhost")
    link.sock = socket.socket(socket.AF_UNIX)
    link.sock.connect(os.environ["PADDOCK_SOCKET"])
    link.request(method, path, body)
    answer = link.getresponse()
    assert answer.status == 200, answer.read()
    print(len(answer.read()))
"""


def test_a_value_that_one_took_the_other_has(traversable_tmp: Path, postgres: str) -> None:
    with Replicas(traversable_tmp, store=postgres) as fleet:
        fleet.agent("a1")
        one, other = (Client(f"http://127.0.0.1:{port}").state("project", "shop") for port in fleet.ports)
        data = os.urandom(600_000)
        etag = one.put("large", data, if_absent=True)
        there = other.get("large")
        assert (hashlib.sha256(there.data).digest(), there.etag) == (hashlib.sha256(data).digest(), etag)
        job = fleet.run([sys.executable, "-c", SCRIPT])
        assert fleet.until(job)["state"] == "done", fleet.log(job)
        fleet.kill_replica(0)
        assert len(Client(f"http://127.0.0.1:{fleet.ports[1]}").state("job", job).get("k").data) == 300_000
