"""Orders that a real control plane signed, in the wrong place or without their signature: none of them runs."""

import base64
import os
from collections.abc import Callable, Iterator

import pytest

from paddock.wire.envelope import seal
from paddock.wire.keys import Signer
from support.chaos import said
from support.middle import Json, Middle

HACK = ["sh", "-c", "touch hacked.txt"]


@pytest.fixture(autouse=True)
def _honest_again(middle: Middle) -> Iterator[None]:
    yield
    middle.honest()


def unsigned(order: Json) -> Json:
    return {**order, "signatures": []}


def signed_by_nobody_known(order: Json) -> Json:
    forged = seal(base64.b64decode(order["payload"]), "job", Signer(os.urandom(32), "job"))
    return {**order, "signatures": [{"keyid": s.keyid, "sig": s.sig} for s in forged.signatures]}


def signed_by_nobody_known_in_another_s_name(order: Json) -> Json:
    return {**order, "signatures": [{**signed_by_nobody_known(order)["signatures"][0], "keyid": _keyid(order)}]}


def with_a_second_signature_that_does_not_hold(order: Json) -> Json:
    return {**order, "signatures": order["signatures"] + signed_by_nobody_known_in_another_s_name(order)["signatures"]}


def of_another_type(order: Json) -> Json:
    return {**order, "payloadType": order["payloadType"].replace(".job.", ".directive.")}


def no_base64(order: Json) -> Json:
    return {**order, "payload": "%" + order["payload"]}


def _keyid(order: Json) -> str:
    return str(order["signatures"][0]["keyid"])


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (unsigned, "unsigned"),
        (signed_by_nobody_known, "unsigned"),
        (signed_by_nobody_known_in_another_s_name, "bad_signature"),
        (with_a_second_signature_that_does_not_hold, "bad_signature"),
        (of_another_type, "malformed"),
        (no_base64, "malformed"),
    ],
)
def test_an_order_whose_signature_does_not_hold_is_refused(
    middle: Middle, forge: Callable[[Json], Json], code: str
) -> None:
    middle.only("a1")
    middle.swap = forge
    job = middle.fleet.run(HACK, id=forge.__name__.replace("_", "-"))
    middle.fleet.until(job, "refused")
    is_refused(middle, job, 1, code)


def test_the_order_of_another_agent_is_refused(middle: Middle) -> None:
    middle.only("a1")
    first = middle.fleet.run(["sh", "-c", "echo mine > mine.txt"], id="of-a1")
    assert middle.fleet.until(first)["state"] == "in_review"
    theirs = middle.orders[-1]
    middle.only("a2")
    middle.swap = lambda _order: theirs
    job = middle.fleet.run(HACK, id="of-a2")
    middle.fleet.until(job, "refused")
    is_refused(middle, job, 1, "wrong_target")
    assert [a["state"] for a in middle.shown(first)["attempts"]] == ["done"]


def test_the_order_of_an_earlier_attempt_is_refused_as_replayed(middle: Middle) -> None:
    middle.only("a1")
    seen = len(middle.orders)
    middle.swap = lambda order: middle.orders[seen] if len(middle.orders) > seen else order
    job = middle.fleet.run(["sh", "-c", "echo half > half.txt; exit 7"], id="tried-again")
    shown = middle.fleet.until(job, "refused")
    assert [(a["state"], a["code"]) for a in shown["attempts"]] == [("failed", "exit_code"), ("refused", "replayed")]
    assert len(middle.orders) == seen + 2
    is_refused(middle, job, 2, "replayed")


def is_refused(middle: Middle, job: str, epoch: int, code: str) -> None:
    """Holds that the attempt was refused with this code, that people can see it, and that nothing of it ran."""
    shown = middle.shown(job)
    attempt = next(a for a in shown["attempts"] if a["epoch"] == epoch)
    assert (shown["state"], shown["reason"], attempt["state"], attempt["code"]) == ("refused", code, "refused", code)
    assert [data["code"] for data in said(shown, "attempt.refused")] == [code]
    assert (attempt["started"], attempt["wip"]) == (None, "")
    assert not (middle.fleet.work / "jobs" / f"{job}-{epoch}").exists()
    assert middle.fleet.log(job, epoch=epoch) == b""
    assert not middle.fleet.repo.git("for-each-ref", f"refs/heads/paddock/{job}", f"refs/paddock/wip/{job}/{epoch}")
