"""A served control plane that dies between a request to a forge and its record, and whoever calls from outside."""

import http.client
import json
import subprocess
import threading
from pathlib import Path

from forges.fakes import TOKEN, Fake
from paddock.forges.conformance import SECRET
from paddock.wire.messages import ChangeReport
from support.fleet import PADDOCK, Fleet
from support.light import Light, done
from support.wait import wait_until


def _post(port: int, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, object]]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        link.request("POST", path, body, {"Host": "paddock.example.org", **headers})
        answer = link.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        link.close()


def test_a_power_cut_opens_nothing_twice(traversable_tmp: Path) -> None:
    with Fake("github") as fake, Fleet(traversable_tmp, beat=5.0, lease=30.0) as fleet:

        def paddock(*words: str, given: str = "") -> str:
            argv = [*PADDOCK, *words, "--server", fleet.url, "--home", str(fleet.home)]
            made = subprocess.run(argv, input=given, capture_output=True, text=True)
            assert made.returncode == 0, made.stderr
            return made.stdout

        address = f"github:{fake.address}/acme/shop"
        (traversable_tmp / "secret").write_text(SECRET)
        flags = ("--forge-token-file", "-", "--forge-secret-file", str(traversable_tmp / "secret"))
        said = paddock("project", "forge", "shop", "--forge", address, *flags, "--person", "octocat=anna", given=TOKEN)
        assert "octocat is anna" in said and TOKEN not in said and SECRET not in said

        opened = threading.Event()
        fake.after.append(("open", opened))
        agent = Light(fleet.api, fleet.port, "light", kinds=("command",))
        job = {"id": "BUG-1", "kind": "command", "payload": {"argv": ["true"]}}
        fleet.api.post("/v1/jobs", {"project": "shop", "jobs": [job]})
        [grant] = agent.beat(want=1)[0]
        branch = f"paddock/{grant.job}"
        fake.show_branch(branch, "b" * 40)
        agent.beat(done(grant, change=ChangeReport(branch=branch, base="a" * 40, head="b" * 40, tree="c" * 40)))
        assert opened.wait(40)
        assert fleet.control is not None
        fleet.control.kill()
        fake.hold.set()
        fleet.start_control()
        wait_until(lambda: fleet.api.get("/v1/projects/shop/forge")["work"][0]["number"] == "1", 40)
        assert fake.calls.count("open") == 1 and len(fake.pulls) == 1

        # Forges call from elsewhere. What is not signed gets nowhere, and nothing else is open to elsewhere.
        headers, body = fake.webhook("1", SECRET)
        path = "/v1/forges/shop/webhook"
        assert _post(fleet.port, path, {}, body)[0] == 401
        assert _post(fleet.port, path, headers, body + b" ")[0] == 401
        assert _post(fleet.port, "/v1/forges/none/webhook", headers, body)[0] == 401
        assert _post(fleet.port, "/v1/projects/shop/forge", headers, body)[0] == 403
        fake.review("1", "octocat", approve=True)
        assert _post(fleet.port, path, headers, body) == (200, {"ok": True, "known": False})
        assert _post(fleet.port, path, headers, body) == (200, {"ok": True, "known": True})
        wait_until(lambda: fleet.api.get("/v1/changes/BUG-1")["approved_by"] == ["anna"], 40)

        shown = paddock("project", "forge", "shop")
        assert fake.pulls[0]["open"] and "/acme/shop/pulls/1" in shown and "requests made" in shown
        on = fleet.api.get("/v1/changes/BUG-1")["forge"]
        assert (on["number"], on["state"], on["trouble"]) == ("1", "open", "") and on["url"].endswith("/pulls/1")
        assert f'href="{on["url"]}"'.encode() in fleet.api.raw("/changes/BUG-1")[0]
        paddock("review", "comment", "BUG-1", "reads well", "--as", "anna")
        wait_until(lambda: any("reads well" in one["body"] for one in fake.comments["1"]), 40)
        kept = b"".join(path.read_bytes() for path in fleet.home.rglob("*") if path.is_file())
        assert TOKEN.encode() not in kept + (fleet.folder / "control.log").read_bytes()
        assert fake.violations == []
