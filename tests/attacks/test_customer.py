"""A host that obeys a customer's key: the control plane may delay what it has signed, and change nothing of it."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from paddock.core.errors import BadInput
from paddock.wire.envelope import seal
from paddock.wire.keys import load_or_make
from support.middle import Json, Middle

BATCH = """\
project: shop
defaults:
  scope: {files: {write: [src/**]}}
jobs:
- id: mended
  payload: {argv: [sh, -c, echo b > src/app.py]}
- id: second
  kind: noop
  payload: {}
  depends_on: []
"""


def signed(middle: Middle, folder: Path, key: Path, text: str = BATCH) -> Json:
    """A batch as `paddock sign` writes it."""
    (folder / "jobs.yaml").write_text(text)
    out = folder / "signed.json"
    said = middle.fleet.cli("sign", str(folder / "jobs.yaml"), "--key", str(key), "--out", str(out), "--yes")
    assert said.returncode == 0, said.stderr
    assert "sh" in said.stderr and "src/**" in said.stderr and "branch main" in said.stderr
    body: Json = json.loads(out.read_text())
    return body


def resealed(middle: Middle, **fields: Any) -> None:
    """From now on orders say something else, signed with the control plane's own key: it has been taken over."""
    own = load_or_make(middle.fleet.home / "keys" / "job.key", "job")

    def swap(order: Json) -> Json:
        body = {**json.loads(base64.b64decode(order["payload"])), **fields}
        made = seal(json.dumps(body).encode(), "job", own)
        signatures = [{"keyid": s.keyid, "sig": s.sig} for s in made.signatures]
        return {"payloadType": made.payload_type, "payload": made.payload, "signatures": signatures}

    middle.swap = swap


def ends(middle: Middle, *jobs: Json) -> tuple[str, str]:
    """How the first of these jobs ends."""
    name = jobs[0]["id"]
    shown = middle.fleet.until(middle.fleet.submit(*jobs)[name])
    middle.honest()
    return shown["state"], shown["reason"] or ""


@pytest.mark.skipif(os.geteuid() != 0, reason="a policy is root's")
def test_a_host_obeys_nothing_that_the_customer_has_not_signed(middle: Middle) -> None:
    fleet, folder = middle.fleet, middle.fleet.folder
    key, other = folder / "customer.key", folder / "other.key"
    public = json.loads(fleet.cli("sign", "--make-key", str(key), "--json").stdout)["public"]
    assert fleet.cli("sign", "--make-key", str(key)).returncode == 2, "a key is never overwritten"
    assert "customer_keys" in fleet.cli("sign", "--make-key", str(other)).stdout
    policy = folder / "policy.toml"
    policy.write_text(f'version = 1\ncustomer_keys = ["{public}"]\n')
    policy.chmod(0o644)
    fleet.agent("pinned", server=middle.url, more=["--policy", str(policy)])
    [agent] = fleet.api.get("/v1/agents")
    assert not {"test.run", "change.merge", "review.run"} & set(agent["kinds"])

    body = signed(middle, folder, key)
    mended, second = body["jobs"]
    assert ends(middle, mended)[0] == "in_review"
    assert ends(middle, second) == ("done", "")
    assert ends(middle, {"id": "bare", "kind": "noop", "payload": {}}) == ("refused", "unwarranted")
    assert ends(middle, {**second, "priority": 9}) == ("refused", "unwarranted"), "its warrant was used by another job"
    assert ends(middle, signed(middle, folder, other)["jobs"][1]) == ("refused", "unwarranted")

    mended, second = signed(middle, folder, key)["jobs"]
    for fields in (
        {"payload": {"argv": ["sh", "-c", "touch hacked.txt"]}},
        {"scope": {**mended["scope"], "public": True}},
        {"base": {"repo": str(folder), "branch": "main"}},
        {"limits": {"wall_s": 86_000, "silence_s": 300}},
        {"kind": "noop", "payload": {}},
    ):
        resealed(middle, **fields)
        assert ends(middle, mended) == ("refused", "unwarranted"), fields
    for wrong in ({"payload": {"argv": ["true"]}}, {"id": "renamed"}, {"scope": {**mended["scope"], "warrant": "x"}}):
        with pytest.raises(BadInput, match=r"signed|decode"):
            fleet.submit({**mended, **wrong})
    asked = fleet.cli("sign", str(folder / "jobs.yaml"), "--key", str(key))
    assert asked.returncode == 4 and "--yes" in asked.stderr
