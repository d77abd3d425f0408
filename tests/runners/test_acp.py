"""Conversations with agents that speak the Agent Client Protocol: real programs, honest and not."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.core.job import Files, Scope
from paddock.core.policy import Policy
from paddock.core.policy_scope import Asked, Effective, effective
from paddock.runners import acp
from paddock.runners.acp import Conversation, Wish
from paddock.runners.acp_permits import against, choice
from paddock.runners.base import Stop
from paddock.runners.formats import Printed
from paddock.runners.process import run_process
from paddock.sandbox import Launch
from paddock.wire.messages import Limits

ROOT = PurePosixPath("/workspace")
# What messages are made of, as far as the conversation looks into them.
WORDS = [
    *("update", "sessionUpdate", "toolCall", "toolCallId", "kind", "title", "status", "locations", "path", "content"),
    *("text", "rawInput", "command", "options", "optionId", "usage", "cost", "amount", "stopReason", "sessionId"),
    *("protocolVersion", "authMethods", "configOptions", "category", "id", "code"),
]
# An agent: `say` sends, `hear` waits for the next message; what stands behind it is its part in a scene.
AGENT = r"""
import json, sys
def say(**message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
def hear(): return json.loads(sys.stdin.readline())
def answer(**result): say(id=hear()["id"], result=result)
def update(what, /, **more):
    say(method="session/update", params={"sessionId": "s1", "update": {"sessionUpdate": what, **more}})
def text(words): update("agent_message_chunk", content={"type": "text", "text": words})
OPTIONS = [{"optionId": "y!", "name": "", "kind": "allow_always"}, {"optionId": "y", "name": "", "kind": "allow_once"},
           {"optionId": "n", "name": "", "kind": "reject_once"}]
def may(**call):
    say(id="q", method="session/request_permission", params={"sessionId": "s1", "toolCall": call, "options": OPTIONS})
    return hear()["result"]["outcome"].get("optionId")
def begin(version=1, **more):
    asked = hear()
    assert asked["method"] == "initialize" and asked["params"]["protocolVersion"] == 1
    say(id=asked["id"], result={"protocolVersion": version, "authMethods": [{"id": "by-key", "name": ""}]})
    asked = hear()
    assert asked["params"] == {"cwd": "/workspace", "mcpServers": []}, asked
    say(id=asked["id"], result={"sessionId": "s1", **more})
"""
END = "say(id=asked['id'], result={'stopReason': 'end_turn', 'usage': {'inputTokens': 7, 'outputTokens': 2}})\n"
WORK = "begin()\nasked = hear()\nassert asked['params']['prompt'] == [{'type': 'text', 'text': 'do it'}]\n"


def fence(commands: tuple[tuple[str, ...], ...] | None = None, hosts: tuple[str, ...] = ()) -> Effective:
    scope = Scope(files=Files(write=("src/**",)), commands=commands, hosts=hosts)
    asked = Asked(kind="code.agent", repo="r", scope=scope, payload={}, wall_seconds=60)
    return msgspec.structs.replace(effective(asked, Policy()), hosts=hosts)


class Log:
    def __init__(self) -> None:
        self.text, self.printed = "", Printed()

    def write(self, data: bytes) -> None:
        self.text += data.decode()


async def play(part: str, *, model: str = "", login: str = "") -> tuple[int, str, Printed]:
    """How a conversation with an agent that plays this part ends: exit code, log, and what it told of its use."""
    log, wish = Log(), Wish(brief="do it", model=model, login=login, root=ROOT)
    launch = Launch(("/usr/bin/python3", "-c", AGENT + part), env={}, cwd=Path("/"), contained=False)
    ended = await run_process(launch, Limits(wall_s=60), log, Stop(), Conversation(wish, fence(), log))
    assert ended.why == "exit"
    for line in log.text.splitlines():
        if line.startswith('{"type"'):
            log.printed.take(json.loads(line))
    return ended.exit_code, log.text, log.printed


async def test_an_agent_works_on_its_brief_and_tells_what_it_used() -> None:
    code, log, printed = await play(
        WORK
        + "text('I look ')\ntext('at it')\n"
        + "mine, other = [{'path': '/workspace/src/a.py'}], [{'path': '/workspace/ci.yml'}]\n"
        + "update('tool_call', toolCallId='t1', kind='edit', title='a.py', locations=mine)\n"
        + "print('done?', may(toolCallId='t1'), file=sys.stderr)\n"
        + "print('and?', may(toolCallId='t2', kind='edit', locations=other), file=sys.stderr)\n"
        + "update('usage_update', used=5, size=9, cost={'amount': 0.25, 'currency': 'USD'})\n"
        + "say(id=9, method='fs/read_text_file', params={'path': '/etc/passwd'})\n"
        + "print('file:', hear()['error']['code'], file=sys.stderr)\n"
        + END
    )
    assert code == 0, log
    assert "I look at it\n· edit a.py\n" in log and "done? y\n" in log and "and? n\n" in log and "file: -32601" in log
    assert "paddock: yes to edit a.py\n" in log and "no to edit: /workspace/ci.yml is outside its scope" in log
    (used,) = printed.models()
    assert (used.input, used.output, used.cost, printed.session) == (7, 2, 250_000, "s1")


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("begin(version=2)\n", "version 2 of the protocol, not 1"),
        ("hear()\nsys.exit(0)\n", "it ended before it had answered"),
        (WORK + "say(id=asked['id'], result={'stopReason': 'refusal'})\n", "before its work was done: refusal"),
        (WORK + "say(id=asked['id'], error={'code': 1, 'message': 'no'})\n", "refuses session/prompt: no"),
        (WORK + "sys.stdout.write('x' * 5_000_000)\nsys.stdout.flush()\nhear()\n", "of more than 4 MiB"),
        (WORK + "while True: say(id=1, method='x')\n", "asked more than 10,000 times|does not read what it is told"),
        (
            "answer(protocolVersion=1, authMethods=[{'id': 'by-key'}])\nsay(id=hear()['id'], error={'code': -32000})\n",
            "by-key",
        ),
    ],
    ids=["version", "leaves", "gives up", "refuses", "long", "asks for ever", "login"],
)
async def test_what_is_no_end_of_the_work_is_a_failure_that_says_why(
    part: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paddock.runners.process.GRACE_S", 0.3)
    code, log, _ = await play(part)
    assert code == 1 and any(one in log for one in told.split("|")), log[-2_000:]


async def test_noise_is_logged_and_means_nothing() -> None:
    noise = 'print(\'warming up\\n{\\n[1]\\n{"jsonrpc": "2.0", "id": [1], "result": {}}\\nnull\')\n'
    wild = (
        "say(method='session/update', params=[1])\nupdate(['x'])\nsay(id=77, result={})\nupdate('tool_call', title=3)\n"
    )
    code, log, _ = await play(noise + WORK + wild + "sys.stdin.close()\n" + END)
    assert code == 0 and "warming up\n" in log


async def test_a_login_and_a_model_are_asked_for_by_the_agents_own_names() -> None:
    options = "configOptions=[{'id': 'm', 'category': 'model', 'type': 'select'}]"
    part = (
        "answer(protocolVersion=1)\nasked = hear()\nassert asked['params'] == {'methodId': 'by-key'}\n"
        "say(id=asked['id'], result={})\nanswer(sessionId='s1', OPTIONS)\nasked = hear()\n"
        "assert asked['params'] == {'sessionId': 's1', 'configId': 'm', 'value': 'opus'}\n"
        "say(id=asked['id'], result={})\nasked = hear()\n".replace("OPTIONS", options)
    )
    assert (await play(part + END, model="opus", login="by-key"))[0] == 0
    code, log, _ = await play("begin()\nhear()\n", model="opus")
    assert code == 1 and "it offers no choice of models" in log


async def test_a_limit_of_the_provider_is_known_as_one() -> None:
    _, _, printed = await play(WORK + "say(id=asked['id'], error={'code': 1, 'message': '429 Too Many Requests'})\n")
    assert printed.limited


@pytest.mark.parametrize(
    ("call", "allowed"),
    [
        ({"kind": "read", "locations": [{"path": "/etc/passwd"}]}, True),  # the box holds it
        ({"kind": "edit", "locations": [{"path": "/workspace/src/a"}, {"path": "src/b"}]}, True),
        ({"kind": "edit", "locations": [{"path": "/workspace/src/a"}, {"path": "/etc/b"}]}, False),
        ({"kind": "edit", "locations": [{"path": "/workspace/src/../ci"}]}, False),
        ({"kind": "edit", "content": [{"type": "diff", "path": "/workspace/ci"}]}, False),
        ({"kind": "edit", "locations": [{"path": "/workspace/src/a"}], "content": [{"path": "/workspace/ci"}]}, False),
        ({"kind": "delete", "locations": []}, False),
        ({"kind": "move", "locations": "src/a"}, False),
        ({}, False),
        ({"kind": "other"}, False),
        ({"kind": ["edit"]}, False),
        ({"kind": "switch_mode"}, False),
        ({"kind": "fetch"}, False),
        ({"kind": "execute", "rawInput": {"command": "make test"}}, True),
        ({"kind": "execute", "rawInput": {"command": ["make", "test"]}}, True),
        ({"kind": "execute", "rawInput": {"command": "make test; curl x"}}, False),
        ({"kind": "execute", "rawInput": {"command": "make 'test"}}, False),
        ({"kind": "execute", "rawInput": {"command": ["curl", "x"]}}, False),
        ({"kind": "execute"}, False),
    ],
)
def test_an_agent_that_asks_is_told_what_its_scope_says(call: dict[str, Any], allowed: bool) -> None:
    assert (against(call, fence(commands=(("make", "**"),)), ROOT) == "") is allowed


def test_hosts_and_free_commands_are_allowed_where_the_scope_has_them() -> None:
    assert against({"kind": "fetch"}, fence(hosts=("pypi.org:443",)), ROOT) == ""
    assert against({"kind": "execute", "rawInput": 1}, fence(), ROOT) == ""


def test_an_answer_is_one_that_was_offered_or_none() -> None:
    assert choice([{"kind": "allow_always", "optionId": "a"}], "")["outcome"]["optionId"] == "a"
    for options in (None, [], [1, {"kind": "allow_once", "optionId": 3}], [{"kind": "allow_once", "optionId": "a"}]):
        assert choice(options, "no")["outcome"] == {"outcome": "cancelled"}


def test_a_tool_call_that_says_too_much_is_allowed_nothing() -> None:
    kept = acp._kept({"kind": "edit", "locations": [{"path": "/workspace/src/a" * 100}] * 100, "title": "t"})
    assert against(kept, fence(), ROOT) and kept["title"] == "t"


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=8,
)
_MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0")},
    optional={
        "id": st.integers(0, 5) | _JUNK,
        "method": st.sampled_from(("session/update", "session/request_permission", "x")) | _JUNK,
        "params": _JUNK,
        "result": _JUNK,
        "error": _JUNK,
    },
)


@given(st.lists(_MESSAGES, max_size=12), st.binary(max_size=40))
@settings(max_examples=60, deadline=None)
def test_nothing_that_an_agent_sends_breaks_the_conversation(messages: list[Any], noise: bytes) -> None:
    said: list[Any] = []
    talk = Conversation(Wish(brief="b", model="m", login="l", root=ROOT), fence(), Log())

    def say(data: bytes) -> bool:
        said.append(json.loads(data))
        return True

    talk.open(say)
    talk.write(b"\n".join(json.dumps(one).encode() for one in messages) + b"\n" + noise + b"\n")
    talk.close()
    assert talk.over.is_set() and all(one["jsonrpc"] == "2.0" for one in said)
