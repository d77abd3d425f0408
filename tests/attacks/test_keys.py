"""Keys that follow each other under load: nothing is lost, who was away catches up, old and forged ones order none."""

import base64
import json

from paddock.wire import rotation
from paddock.wire.envelope import Envelope, seal
from paddock.wire.keys import Signer, load_or_make
from paddock.wire.messages import ControlKey
from support.middle import Json, Middle
from support.wait import wait_until

THIEF = Signer(b"t" * 32, "job")
LOAD = 60


def as_json(envelope: Envelope) -> Json:
    signatures = [{"keyid": s.keyid, "sig": s.sig} for s in envelope.signatures]
    return {"payloadType": envelope.payload_type, "payload": envelope.payload, "signatures": signatures}


def key(middle: Middle, *words: str) -> Json:
    said = middle.fleet.cli("key", *words, "--json")
    assert said.returncode == 0, said.stderr
    found: Json = json.loads(said.stdout)
    return found


def ran(middle: Middle, name: str, signer: Signer | None = None) -> tuple[str, str]:
    """How a job ends whose order this key has signed, or the control plane's own."""
    if signer is not None:
        middle.swap = lambda order: as_json(seal(base64.b64decode(order["payload"]), "job", signer))
    shown = middle.fleet.until(middle.fleet.submit({"id": name, "kind": "noop", "payload": {}})[name])
    middle.honest()
    return shown["state"], shown["reason"] or ""


def known(middle: Middle) -> bool:
    found = key(middle, "show")
    return bool(found["online"]) and found["followed"] == found["online"]


def test_keys_are_rotated_under_load_and_those_that_ended_order_nothing(middle: Middle) -> None:
    fleet, folder = middle.fleet, middle.fleet.home / "keys"
    former = load_or_make(folder / "job.key", "job")
    middle.only("a2")
    middle.only("a1")

    for part in range(3):
        fleet.submit(*({"id": f"n{part}-{at}", "kind": "noop", "payload": {}} for at in range(LOAD // 3)), name="load")
        if part == 1:
            assert key(middle, "rotate", "--overlap", "1h")["statements"] == 2
    wait_until(lambda: len(fleet.api.get("/v1/jobs?state=done&limit=999")) >= LOAD, 60, what="all jobs are done")
    assert {job["attempt"] for job in fleet.api.get("/v1/jobs?state=done&limit=999")} == {1}
    assert not (folder / "job.key").exists(), "the former private key is gone"
    wait_until(lambda: known(middle), what="the agent knows the new keys")
    assert ran(middle, "in-time", former) == ("done", "")

    key(middle, "end")
    wait_until(lambda: known(middle), what="the agent knows that the former keys have ended")
    assert ran(middle, "too-late", former) == ("refused", "unsigned")
    public = (ControlKey(keyid=former.keyid, role="job", key=base64.b64encode(former.public).decode()),)
    _, forged = rotation.announce(public, THIEF, former, 5, 1)
    middle.answer = lambda _beat, reply: reply.update(keys=[as_json(forged)])
    assert ran(middle, "forged", THIEF) == ("refused", "unsigned")
    assert ran(middle, "as-ever") == ("done", "")
    assert fleet.api.get("/v1/fleet")["anomalies"] >= 1

    assert key(middle, "rotate", "--overlap", "0", "--by", "ann")["statements"] >= 6
    middle.only("a2")  # it has missed everything
    assert ran(middle, "caught-up") == ("done", "")
    wait_until(lambda: known(middle), what="it has followed all statements")
    kept = json.loads((fleet.folder / "agent-a2" / "agent.json").read_text())
    assert kept["followed"] == 8 and sum(bool(key.get("ended")) for key in kept["keys"]) == 4
    middle.only("a1")
    assert ran(middle, "restarted") == ("done", "")
    told = [event["type"] for event in fleet.api.get("/v1/journal?after=0&limit=5000")]
    assert (told.count("keys.rotated"), told.count("keys.ended")) == (2, 1)
    assert "ended" in fleet.cli("key", "show").stdout
    assert fleet.cli("key", "rotate", "--overlap", "soon").returncode == 2
    seen = fleet.cli("audit", "seal"), fleet.cli("audit", "verify")
    assert [said.returncode for said in seen] == [0, 0], seen
