"""A man between a real agent and its control plane: whatever he hands over in place of an order, nothing of it runs."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from paddock.wire.envelope import payload_type, seal
from paddock.wire.keys import load_or_make
from support.fleet import Fleet
from support.places import make_traversable, remove_tree
from support.proxy import Proxy
from support.wait import wait_until

Order = dict[str, Any]


@dataclass
class Attacked:
    """A fleet whose one agent is reached through the man in the middle; `swap` is what he does to each order."""

    fleet: Fleet
    seen: list[Order] = field(default_factory=list)
    swap: Callable[[Order], Order] = lambda order: order

    def alter(self, path: str, _body: bytes, answer: bytes) -> bytes:
        """Hands each grant's order to `swap`."""
        if path != "/v1/beat":
            return answer
        reply = json.loads(answer)
        for grant in reply.get("jobs", []):
            self.seen.append(grant["order"])
            grant["order"] = self.swap(grant["order"])
        return json.dumps(reply).encode()

    def sealed(self, order: Order, role: str = "job", **fields: Any) -> Order:
        """An order with other fields, signed with the control plane's own key."""
        body = {**json.loads(base64.b64decode(order["payload"])), **fields}
        signer = load_or_make(self.fleet.home / "keys" / f"{role}.key", role)
        envelope = seal(json.dumps(body).encode(), "job", signer)
        signature = {"keyid": envelope.signatures[0].keyid, "sig": envelope.signatures[0].sig}
        return {"payloadType": payload_type("job"), "payload": envelope.payload, "signatures": [signature]}


@pytest.fixture(scope="module")
def attacked() -> Iterator[Attacked]:
    folder = make_traversable()
    try:
        with Fleet(folder) as fleet:
            made = Attacked(fleet)
            with Proxy(fleet.port, made.alter) as proxy:
                fleet.agent("a1", server=proxy.url)
                yield made
    finally:
        remove_tree(folder)


def tampered(_attack: Attacked, order: Order) -> Order:
    body = base64.b64decode(order["payload"]).replace(b"hacked.txt", b"hijack.txt")
    return {**order, "payload": base64.b64encode(body).decode()}


def expired(attack: Attacked, order: Order) -> Order:
    return attack.sealed(order, nbf=1_600_000_000_000, exp=1_600_000_900_000)


def for_later(attack: Attacked, order: Order) -> Order:
    body = json.loads(base64.b64decode(order["payload"]))
    return attack.sealed(order, nbf=body["nbf"] + 3_600_000, exp=body["exp"] + 3_600_000)


def for_ever(attack: Attacked, order: Order) -> Order:
    return attack.sealed(order, exp=json.loads(base64.b64decode(order["payload"]))["nbf"] + 25 * 3_600_000)


def another_agents(attack: Attacked, order: Order) -> Order:
    return attack.sealed(order, agent="a" + "0" * 20)


def another_generations(attack: Attacked, order: Order) -> Order:
    return attack.sealed(order, generation=2)


def by_the_wrong_key(attack: Attacked, order: Order) -> Order:
    return attack.sealed(order, role="directive")


def with_more_in_it(attack: Attacked, order: Order) -> Order:
    return attack.sealed(order, sudo=True)


def with_a_host(attack: Attacked, order: Order) -> Order:
    return attack.sealed(order, scope={"hosts": ["evil.test:443"]})


def of_a_kind_unknown_here(attack: Attacked, order: Order) -> Order:
    return attack.sealed(order, kind="shell.exec")


def without_an_argv(attack: Attacked, order: Order) -> Order:
    return attack.sealed(order, payload={"argv": []})


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (tampered, "bad_signature"),
        (expired, "expired"),
        (for_later, "not_yet"),
        (for_ever, "not_yet"),
        (another_agents, "wrong_target"),
        (another_generations, "wrong_target"),
        (by_the_wrong_key, "unsigned"),
        (with_more_in_it, "malformed"),
        (with_a_host, "policy_denied"),
        (of_a_kind_unknown_here, "not_capable"),
        (without_an_argv, "bad_payload"),
    ],
)
def test_a_forged_order_is_refused_with_its_own_code(
    attacked: Attacked, attack: Callable[[Attacked, Order], Order], code: str
) -> None:
    attacked.swap = lambda order: attack(attacked, order)
    try:
        job = attacked.fleet.run(["sh", "-c", "touch hacked.txt"], id=attack.__name__.replace("_", "-"))
        if code == "not_capable":  # blames the host, not the job: it goes back, and the honest order runs
            attacked.fleet.until(job, "ready", "leased", "in_review")
            _wait_refused(attacked, job, code)
            return
        attacked.fleet.until(job, "refused")
    finally:
        attacked.swap = lambda order: order
    _nothing_ran(attacked, job, code)


def _wait_refused(attacked: Attacked, job: str, code: str) -> None:
    def refused() -> bool:
        return any(attempt["code"] == code for attempt in attacked.fleet.job(job)["attempts"])

    wait_until(refused, what=f"an attempt refused as {code}")


def _nothing_ran(attacked: Attacked, job: str, code: str) -> None:
    said = attacked.fleet.cli("job", "show", job, "--json")
    assert said.returncode == 0, said.stderr
    shown = json.loads(said.stdout)
    [attempt] = shown["attempts"]
    assert (shown["state"], attempt["state"], attempt["code"]) == ("refused", "refused", code)
    assert attempt["started"] is None and attempt["wip"] == ""
    told = [event["data"] for event in shown["journal"] if event["type"] == "attempt.refused"]
    assert [data["code"] for data in told] == [code]
    assert not attacked.fleet.repo.git("for-each-ref", f"refs/heads/paddock/{job}", f"refs/paddock/wip/{job}")


def test_an_order_that_ran_before_is_refused_as_replayed_even_after_a_restart(attacked: Attacked) -> None:
    fleet = attacked.fleet
    first = fleet.run(["sh", "-c", "echo once > once.txt"], id="first")
    assert fleet.until(first)["state"] == "in_review"
    old = attacked.seen[-1]
    attacked.swap = lambda _order: old
    try:
        again = fleet.run(["sh", "-c", "touch hacked.txt"], id="again")
        fleet.until(again, "refused")
        _nothing_ran(attacked, again, "replayed")
        fleet.agents["a1"].kill()
        fleet.agent("a1")
        later = fleet.run(["sh", "-c", "touch hacked.txt"], id="later")
        fleet.until(later, "refused")
        _nothing_ran(attacked, later, "replayed")
    finally:
        attacked.swap = lambda order: order
    assert [a["state"] for a in fleet.job(first)["attempts"]] == ["done"]


def test_one_order_twice_in_one_answer_runs_once(attacked: Attacked) -> None:
    def doubled(path: str, _body: bytes, answer: bytes) -> bytes:
        reply = json.loads(answer) if path == "/v1/beat" else {}
        if not reply.get("jobs"):
            return answer
        reply["jobs"] *= 2
        return json.dumps(reply).encode()

    fleet = attacked.fleet
    with Proxy(fleet.port, doubled) as proxy:
        fleet.agents["a1"].stop()
        fleet.agent("a1", server=proxy.url, slots=2)
        job = fleet.run(["sh", "-c", "echo once > once.txt"], id="twice")
        shown = fleet.until(job)
        fleet.agents["a1"].stop()
    assert shown["state"] == "in_review"
    assert [(a["state"], a["code"]) for a in shown["attempts"]] == [("done", "")]
