"""Secrets that a job names: those the proxy adds never enter its box; those laid into it leave it nowhere."""

import json
import os
import re
from collections.abc import Iterator

import pytest

from paddock.sandbox import probe
from support.fleet import Fleet
from support.model import Model
from support.places import make_traversable, remove_tree

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can write a policy"),
    pytest.mark.skipif(probe().cls != "contained", reason=probe().reason),
]
MODEL_KEY = "sk-ant-of-the-owner-4711"
TOKEN = "token/of+the=registry"
# Asks the model for an answer, looks everywhere for the key, and prints all that it finds.
ASKS = """
import os, pathlib, urllib.request
def ask(path, data=b"hi", headers={}):
    request = urllib.request.Request(os.environ["MODEL_URL"] + path, data, headers)
    return urllib.request.urlopen(request).read().decode()
heard = [ask("/v1/messages"), ask("/v1/echo", None, {"x-api-key": "sk-of-" + "an-attacker"})]
print("heard:", *heard)
places = ["/proc/1/environ", "/proc/self/environ", "/proc/self/mountinfo"]
places += [os.path.join(at, name) for root in ("/paddock", "/tmp", "/workspace") for at, _, names in os.walk(root)
           for name in names]
for path in places:
    try: heard.append(pathlib.Path(path).read_bytes().decode(errors="replace"))
    except OSError: pass
needle = "of-the-" + "owner"  # the log would cover the whole of it
print("found:", [text for text in heard if needle in text], "looked at", len(heard))
print("secrets:", os.path.exists("/paddock/secrets"), os.environ["MODEL_KEY"])
try: ask("/v1/../admin")
except OSError as error: print("admin:", error)
"""
HOLDS = """
import os, pathlib
file = pathlib.Path(os.environ["REGISTRY_FILE"])
held = file.read_text()
print("as it is:", held, "again:", os.environ["REGISTRY"] == held, "mode:", oct(file.stat().st_mode & 0o777))
try: file.write_text("other")
except OSError as error: print("writing:", type(error).__name__)
print("mounts:", held in open("/proc/self/mountinfo").read())
"""

# Behaves as coding agents do: settings at home, a cache, a key that it insists on, a model that tells it what to do.
CLAUDE = """#!/usr/bin/env python3
import json, os, pathlib, sys, urllib.request
home, brief = pathlib.Path.home(), sys.stdin.read()
settings = json.loads((home / ".claude" / "settings.json").read_text())
(home / ".claude" / "history.jsonl").write_text(brief)
warm = (home / ".cache" / "claude" / "models").read_text()
try: (home / ".cache" / "claude" / "mine").write_text("x")
except OSError as error: print("cache:", type(error).__name__)
print("started:", sys.argv[1:], settings, warm, os.environ["DISABLE_TELEMETRY"])
headers = {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "content-type": "application/json"}
asked = json.dumps({"model": sys.argv[sys.argv.index("--model") + 1], "messages": [brief]}).encode()
request = urllib.request.Request(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", asked, headers)
for call in json.loads(urllib.request.urlopen(request).read())["calls"]:
    try:
        path = pathlib.Path(call["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(call["text"])
        print("wrote", path)
    except OSError as error:
        print("could not write", path, type(error).__name__)
"""

# Speaks the Agent Client Protocol: asks whether it may write two files, and writes what its brief says in any case.
TALKER = """#!/usr/bin/env python3
import json, pathlib, sys
def say(**message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
def hear(): return json.loads(sys.stdin.readline())
def answer(**result): say(id=hear()["id"], result=result)
answer(protocolVersion=1)
root = pathlib.Path(hear()["params"]["cwd"])
say(id=2, result={"sessionId": "s1"})
asked = hear()
brief = asked["params"]["prompt"][0]["text"]
options = [{"optionId": "y", "name": "", "kind": "allow_once"}, {"optionId": "n", "name": "", "kind": "reject_once"}]
for path in ("src/notes.py", "ci.yml"):
    call = {"toolCallId": path, "kind": "edit", "title": path, "locations": [{"path": str(root / path)}]}
    say(id=1, method="session/request_permission", params={"sessionId": "s1", "toolCall": call, "options": options})
    if hear()["result"]["outcome"]["optionId"] == "y" or "hostile" in brief:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(brief)
say(id=asked["id"], result={"stopReason": "end_turn", "usage": {"inputTokens": 7, "outputTokens": 2}})
"""


def think(path: str, body: bytes) -> bytes:
    """What the model says: to an agent's brief, tool calls; to all else, what it heard."""
    if not body.startswith(b"{"):
        return b"you said " + body + b" at " + path.encode()
    brief = json.loads(body)["messages"][0]
    calls = [{"path": "src/notes.py", "text": f"# {brief}"}, {"path": "/usr/lib/evil", "text": "x"}]
    if "hostile" in brief:
        calls.append({"path": ".github/workflows/ci.yml", "text": "on: push"})
    return json.dumps({"calls": calls}).encode()


class Scene:
    """A fleet whose host lends a model's key through the proxy, and a registry's token in the box."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.model = Model(fleet.folder, MODEL_KEY, think)
        self.keys = fleet.folder / "keys"
        self.keys.mkdir()
        for name, value in (("model", MODEL_KEY), ("registry", TOKEN)):
            (self.keys / name).write_text(value + "\n")
            (self.keys / name).chmod(0o600)
        self._write("tools/bin/claude", CLAUDE, 0o755)
        self._write("tools/bin/talker", TALKER, 0o755)
        self._write("claude-home/.claude/settings.json", '{"theme": "dark"}')
        self._write("claude-cache/models", "warm")
        self.policy = fleet.folder / "policy.toml"
        self.policy.write_text(f"""
[hosts]
private = ["127.0.0.0/8", "::1/128"]
[secrets.model]
file = "{self.keys}/model"
host = "{self.model.host}"
header = "x-api-key"
paths = ["/v1/messages", "/v1/echo"]
variable = "MODEL_URL"
placeholder = "MODEL_KEY"
ca = "{self.model.ca}"
[secrets.file]
file = "{self.keys}/registry"
variable = "REGISTRY_FILE"
[secrets.word]
file = "{self.keys}/registry"
into = "variable"
variable = "REGISTRY"
[secrets.delivered]
variable = "DELIVERED_FILE"
[agents.claude]
secret = "model"
home = "{fleet.folder}/claude-home"
cache = {{".cache/claude" = "{fleet.folder}/claude-cache"}}
[agents.talker]
acp = true
argv = ["talker"]
[secrets.theirs]
file = "{self.keys}/registry"
repositories = ["https://git.example.org/*"]
""")

    def _write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.fleet.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def code(self, name: str, brief: str, *secrets: str, agent: str = "claude") -> str:
        payload = {"agent": agent, "brief": brief, "model": "opus"}
        job = {"id": name, "kind": "code.agent", "payload": payload, "scope": {"secrets": secrets}, "max_attempts": 1}
        return self.fleet.submit(job)[name]

    def run(self, name: str, code: str, *secrets: str) -> str:
        return self.fleet.run(["python3", "-c", code], id=name, scope={"secrets": secrets}, max_attempts=1)

    def ended(self, job: str) -> tuple[str, str, str]:
        """A job's state, its attempt's code, its log."""
        shown = self.fleet.until(job)
        return shown["state"], shown["attempts"][-1]["code"], self.fleet.log(job).decode()


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    folder = make_traversable()
    try:
        with Fleet(folder) as fleet:
            made = Scene(fleet)
            fleet.agent("a1", slots=2, more=["--policy", str(made.policy), "--tools", str(folder / "tools")])
            yield made
            made.model.close()
    finally:
        remove_tree(folder)


def test_a_secret_that_the_proxy_adds_is_nowhere_in_the_box(scene: Scene) -> None:
    state, _, log = scene.ended(scene.run("asks", ASKS, "model"))
    assert state == "done" and "heard: you said hi at /v1/messages" in log, log
    looked = re.search(r"found: \[\] looked at (\d+)", log)
    assert looked is not None and int(looked[1]) > 2, log  # the two answers alone would be no search
    assert "secrets: False the-proxy-adds-it" in log and "admin: HTTP Error 403" in log
    assert "model: POST /v1/messages 200" in log
    assert [seen["x-api-key"] for seen in scene.model.seen] == [MODEL_KEY, MODEL_KEY]


def test_a_secret_that_is_laid_into_the_box_is_covered_in_what_it_prints(scene: Scene) -> None:
    job = scene.run("holds", HOLDS, "file", "word")
    state, _, log = scene.ended(job)
    assert state == "done" and f"as it is: {'*' * len(TOKEN)} again: True mode: 0o400" in log
    assert "writing: PermissionError" in log or "writing: OSError" in log
    assert "mounts: False" in log and TOKEN not in log
    assert TOKEN not in scene.fleet.job(job).__repr__()


def test_what_holds_a_secret_is_not_published(scene: Scene) -> None:
    code = "import base64, os; open('note.txt', 'wb').write(base64.b64encode(os.environ['REGISTRY'].encode()))"
    job = scene.run("leaks", code, "word")
    state, code, _ = scene.ended(job)
    assert (state, code, scene.fleet.job(job)["change"]) == ("failed", "secret_seen", None)
    refs = scene.fleet.repo.git("for-each-ref", "--format=%(refname)")
    assert job not in refs


def test_a_secret_of_the_control_plane_reaches_the_job_that_names_it_and_nobody_else(scene: Scene) -> None:
    fleet, value = scene.fleet, "delivered/by the=control plane"
    given = fleet.folder / "delivered"
    given.write_text(value + "\n")
    words = ["secret", "set", "delivered", "--project", "shop", "--file", str(given)]
    code = "print('held:', open(__import__('os').environ['DELIVERED_FILE']).read()[::-1])"
    assert scene.ended(scene.run("too-early", code, "delivered")) == ("refused", "secret_missing", "")
    assert fleet.cli(*words).returncode == 0
    job = scene.run("asks-for-it", code, "delivered")
    assert scene.ended(job) == ("done", "", f"held: {value[::-1]}\n")
    # What an agent did not cover, the control plane does: it knows the value too.
    told = scene.run("prints-it", f"print({value[:9]!r} + {value[9:]!r})")
    assert scene.ended(told) == ("done", "", "*" * len(value) + "\n")
    listed = fleet.cli("secret", "list", "--json")
    assert '"held": true' in listed.stdout and value not in listed.stdout
    everywhere = [*fleet.home.rglob("*"), *fleet.folder.glob("agent-*/*"), *fleet.folder.glob("*.log")]
    assert not [path for path in everywhere if path.is_file() and value.encode() in path.read_bytes()]
    assert fleet.control is not None
    fleet.control.kill()
    fleet.start_control()
    assert scene.ended(scene.run("after-a-restart", code, "delivered"))[0] == "done"
    assert fleet.cli("secret", "remove", "delivered", "--project", "shop").returncode == 0
    assert fleet.cli("secret", "remove", "delivered", "--project", "shop").returncode != 0
    assert fleet.cli("secret", "set", "short", "--project", "shop", "--file", "/dev/null").returncode == 2
    assert scene.ended(scene.run("too-late", code, "delivered"))[:2] == ("refused", "secret_missing")


def test_who_may_not_have_a_secret_does_not_run(scene: Scene) -> None:
    for name in ("none", "theirs"):
        assert scene.ended(scene.run(f"asks-for-{name}", "print('ran')", name)) == ("refused", "policy_denied", "")
    (scene.keys / "registry").chmod(0o644)
    assert scene.ended(scene.run("open-to-all", "print('ran')", "word")) == ("refused", "secret_missing", "")
    (scene.keys / "registry").chmod(0o600)
    asks = scene.run("explained", "print('ran')", "model")
    told = scene.fleet.cli("policy", "explain", asks, "--policy", str(scene.policy))
    assert told.returncode == 0 and "model: the proxy adds it at localhost" in told.stdout


def test_a_coding_agent_works_inside_the_fence_with_its_home_its_cache_and_its_model(scene: Scene) -> None:
    job = scene.code("notes", "--write notes", "model")
    state, _, log = scene.ended(job)
    assert state == "in_review" and "-p" in log and "{'theme': 'dark'} warm 1" in log, log
    assert "cache: OSError" in log and "could not write /usr/lib/evil" in log
    shown = scene.fleet.job(job)
    assert [file["path"] for file in scene.fleet.api.get(f"/v1/changes/{shown['change']}")["files"]] == ["src/notes.py"]
    assert scene.model.seen[-1]["x-api-key"] == MODEL_KEY and "--write notes" in scene.model.bodies[-1].decode()


def test_a_coding_agent_that_obeys_anybody_is_held_all_the_same(scene: Scene) -> None:
    assert scene.ended(scene.code("hostile", "hostile words", "model"))[:2] == ("failed", "scope_violation")
    assert scene.ended(scene.code("keyless", "write", "word"))[:2] == ("refused", "policy_denied")
    other = scene.code("other", "write", "model", agent="codex")
    assert {"agent": "a1", "reason": "lacks agent:codex"} in scene.fleet.api.get(f"/v1/jobs/{other}/why")["reasons"]


def test_an_agent_that_asks_by_protocol_is_answered_and_held_all_the_same(scene: Scene) -> None:
    files = {"files": {"write": ["src/**"]}}
    jobs = [
        {
            "id": name,
            "kind": "code.agent",
            "payload": {"agent": "talker", "brief": brief},
            "scope": files,
            "max_attempts": 1,
        }
        for name, brief in (("asks-first", "kind words"), ("asks-for-show", "hostile words"))
    ]
    ids = scene.fleet.submit(*jobs)
    job = scene.fleet.until(ids["asks-first"])
    log = scene.fleet.log(ids["asks-first"]).decode()
    assert "paddock: yes to edit src/notes.py" in log and "paddock: no to edit ci.yml: " in log, log
    assert [one["path"] for one in scene.fleet.api.get(f"/v1/changes/{job['change']}")["files"]] == ["src/notes.py"]
    assert job["attempts"][-1]["result"]["usage"]["models"] == [{"input": 7, "output": 2}]
    assert scene.ended(ids["asks-for-show"])[:2] == ("failed", "scope_violation")
