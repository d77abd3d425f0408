"""The licence on the agent: what is believed of it, and what it keeps the agent from."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.agent.clock import Clock
from paddock.agent.identity import Identity
from paddock.agent.intake import Refusal
from paddock.agent.journal import Journal
from paddock.agent.licensing import FILE, Licensing
from paddock.agent.trust import Trust
from paddock.wire import licence
from paddock.wire.envelope import EnvelopeError
from paddock.wire.keys import Signer
from paddock.wire.licence import TYPE
from paddock.wire.messages import ControlKey
from support.orders import DIRECTIVE, JOB, NOW, gate, grant, order

HEAD = {"alg": "EdDSA", "kid": DIRECTIVE.keyid, "typ": TYPE}
SAYS: dict[str, Any] = {
    "iss": "paddock",
    "aud": "paddock-agent",
    "sub": "a1",
    "jti": "1",
    "iat": NOW // 1_000,
    "exp": NOW // 1_000 + 86_400,
    "cnf": {"jkt": "agent-key"},
    "gen": 1,
    "licence": "default",
    "features": ["*"],
    "channel": "stable",
    "binding": "optional",
}
HOST = {"machine": "m1", "board": "b1", "disk": "d1", "network": "n1"}


def plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwt(
    head: dict[str, Any] = HEAD, says: dict[str, Any] = SAYS, sign: Callable[[bytes], bytes] = DIRECTIVE.sign
) -> str:
    body = f"{plain(json.dumps(head).encode())}.{plain(json.dumps(says).encode())}"
    return f"{body}.{plain(sign(body.encode()))}"


def identity() -> Identity:
    keys = tuple(
        ControlKey(keyid=key.keyid, role=key.role, key=base64.b64encode(key.public).decode())
        for key in (JOB, DIRECTIVE)
    )
    return Identity(agent="a1", generation=1, server="http://x", keys=keys)


def kept(tmp_path: Path, *, host: dict[str, str] = HOST) -> tuple[Licensing, list[int]]:
    """The licensing of an agent and a clock that can be set."""
    time = [NOW]
    return Licensing(
        tmp_path / FILE,
        Trust(tmp_path / "agent.json", identity(), DIRECTIVE),
        "agent-key",
        Clock(0, lambda: NOW, lambda: time[0]),
        host,
    ), time


def says(**more: Any) -> dict[str, Any]:
    return {**SAYS, **more}


MINE = ("a1", "agent-key", 1)
HS = {**HEAD, "alg": "HS256"}
WRONG: dict[str, str] = {
    "no algorithm": jwt({**HEAD, "alg": "none"}, sign=lambda _: b""),
    "no signature": jwt(sign=lambda _: b""),
    "the public key as a secret": jwt(HS, sign=lambda body: hmac.digest(DIRECTIVE.public, body, hashlib.sha256)),
    "a path for a key": jwt({**HEAD, "kid": "../../../../dev/null"}),
    "no key": jwt({name: HEAD[name] for name in ("alg", "typ")}),
    "a key of another role": jwt({**HEAD, "kid": JOB.keyid}, sign=JOB.sign),
    "a key that nobody knows": jwt({**HEAD, "kid": "directive-x"}, sign=Signer(b"x" * 32, "directive").sign),
    "a key in the header": jwt({**HEAD, "jwk": {"kty": "OKP"}}),
    "another type": jwt({**HEAD, "typ": "JWT"}),
    "no type": jwt({name: HEAD[name] for name in ("alg", "kid")}),
    "another audience": jwt(says=says(aud="somebody")),
    "another issuer": jwt(says=says(iss="somebody")),
    "another agent": jwt(says=says(sub="a2")),
    "another key": jwt(says=says(cnf={"jkt": "other-key"})),
    "an earlier activation": jwt(says=says(gen=0)),
    "a claim that nobody knows": jwt(says=says(admin=True)),
    "a claim twice": jwt().replace(
        plain(json.dumps(SAYS).encode()), plain(b'{"iss":"x",' + json.dumps(SAYS).encode()[1:])
    ),
    "a changed claim": jwt().replace(plain(json.dumps(SAYS).encode()), plain(json.dumps(says(max_tasks=9)).encode())),
    "padding": jwt() + "==",
    "four parts": jwt() + ".x",
    "two parts": jwt().rpartition(".")[0],
    "no ASCII": "ä" + jwt(),
    "too much of it": jwt() + "A" * 20_000,
    "nothing": "",
}


@pytest.mark.parametrize("token", WRONG.values(), ids=WRONG)
def test_only_one_shape_of_it_is_believed(token: str) -> None:
    with pytest.raises(EnvelopeError):
        licence.read(token, identity().verifiers(), MINE)


def test_what_is_believed_is_kept_and_one_that_was_swapped_is_told(tmp_path: Path) -> None:
    mine, _ = kept(tmp_path)
    assert (mine.against(), mine.facts()) == (None, None)
    assert mine.take(jwt(says=says(max_tasks=2, max_agents=3, grace=60)))
    again, _ = kept(tmp_path)
    assert again.claims == mine.claims
    assert (again.facts() or {})["grace_until"] == NOW + 60_000
    assert [again.room(free, held) for free, held in ((5, 0), (1, 0), (5, 1), (5, 7))] == [2, 1, 1, 0]
    assert not again.take(jwt(says=says(iat=SAYS["iat"] - 1)))  # an older one is played again
    assert not again.take(jwt(says=says(sub="a2")))
    (tmp_path / FILE).write_text(jwt(says=says(sub="a2")))
    assert "another agent" in kept(tmp_path)[0].tampered
    assert mine.take(jwt(says=says(licence="", iat=SAYS["iat"] + 1)))  # unlimited again
    assert (mine.claims, (tmp_path / FILE).exists()) == (None, False)


def test_past_the_grace_and_past_its_end_nothing_new_is_taken(tmp_path: Path) -> None:
    mine, time = kept(tmp_path)
    mine.take(jwt(says=says(grace=60)))
    journal = Journal(tmp_path / "agent.db")
    time[0] = NOW + 59_000
    gate(journal, licence=mine.against).open(grant(order()))
    time[0] = NOW + 60_000
    with pytest.raises(Refusal, match="nothing was heard") as caught:
        gate(journal, licence=mine.against).open(grant(order(epoch=2)))
    assert caught.value.told == "GRACE_EXHAUSTED"
    mine.take(jwt(says=says(grace=60, iat=SAYS["iat"] + 61)))
    assert mine.against() is None
    mine.take(jwt(says=says(iat=SAYS["iat"] + 62, exp=SAYS["iat"] + 62)))
    assert mine.against() == ("not_licensed", "licence default has expired")


def test_features_and_the_host_are_held_against_it(tmp_path: Path) -> None:
    mine, _ = kept(tmp_path)
    mine.take(jwt(says=says(features=["review.*", "noop"])))
    assert [bool(mine.against(kind)) for kind in ("noop", "review.run", "command", "reviewer")] == [0, 0, 1, 1]
    with pytest.raises(Refusal, match="does not cover command"):
        gate(Journal(tmp_path / "agent.db"), licence=mine.against).open(grant(order()))
    mine.take(jwt(says=says(binding="required", host=HOST)))
    assert mine.against() is None
    moved, _ = kept(tmp_path, host={part: "x" for part in HOST})
    assert moved.against() == ("not_licensed", "licence default is bound to another host")


def test_what_the_control_plane_issues_is_what_the_agent_believes() -> None:
    token = licence.issue(msgspec.json.encode(SAYS), DIRECTIVE)
    assert licence.read(token, identity().verifiers(), MINE).licence == "default"
