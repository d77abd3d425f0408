"""The gate of an agent: every code it refuses with, in the order of its checks, and what it remembers of the good."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from paddock.agent.intake import CLOCK_LEEWAY_MS, LONGEST_MS, REFUSALS, Refusal, evidence
from paddock.agent.journal import Journal
from paddock.core.job import Files, Scope
from paddock.wire.envelope import Envelope, Signature, digest, payload_type, seal, wrap
from paddock.wire.keys import Signer
from paddock.wire.messages import Grant, JobOrder, Manifest, Outcome, encode
from support.orders import DIRECTIVE, FOREIGN, JOB, NOW, ORDER, gate, grant, order


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "agent.db")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    """A journal in which refusals leave no trace, so that tests of them may share it."""
    return Journal(tmp_path_factory.mktemp("state") / "agent.db")


def _broken(sealed: Envelope) -> Envelope:
    return msgspec.structs.replace(sealed, signatures=(Signature(JOB.keyid, "A" * 86 + "=="),))


CASES: list[tuple[str, Callable[[], Grant]]] = [
    ("unsigned", lambda: grant(ORDER, DIRECTIVE)),
    ("unsigned", lambda: grant(ORDER, FOREIGN)),
    ("bad_signature", lambda: grant(ORDER, order=_broken(grant(ORDER).order))),
    ("malformed", lambda: grant(ORDER, order=seal(encode(ORDER), "directive", JOB))),
    ("malformed", lambda: grant(ORDER, order=seal(b"{}", "job", JOB))),
    ("malformed", lambda: grant(ORDER, order=seal(encode(ORDER)[:-1] + b',"x":1}', "job", JOB))),
    ("wrong_target", lambda: grant(order(agent="a2"))),
    ("wrong_target", lambda: grant(order(agent_key="other-key"))),
    ("wrong_target", lambda: grant(order(generation=2))),
    ("wrong_target", lambda: grant(ORDER, job="j2")),
    ("wrong_target", lambda: grant(ORDER, epoch=2)),
    ("expired", lambda: grant(order(nbf=NOW - 10**6, exp=NOW - CLOCK_LEEWAY_MS - 1))),
    ("not_yet", lambda: grant(order(nbf=NOW + CLOCK_LEEWAY_MS + 1, exp=NOW + 10**6))),
    ("not_yet", lambda: grant(order(exp=NOW + LONGEST_MS + 1))),
    ("not_capable", lambda: grant(order(kind="change.merge"))),
    ("not_capable", lambda: grant(order(kind="no-such-kind"))),
    ("not_capable", lambda: grant(order(base=None))),
    ("bad_payload", lambda: grant(order(payload={}))),
    ("bad_payload", lambda: grant(order(payload={"argv": ["a\0b"]}))),
    ("bad_payload", lambda: grant(order(payload={"argv": ["ls"], "sudo": True}))),
    ("out_of_scope", lambda: grant(order(scope=Scope(hosts=("x.org",))))),
    ("out_of_scope", lambda: grant(order(payload={"argv": ["ls"], "env": {"LD_PRELOAD": "/workspace/x.so"}}))),
    ("policy_denied", lambda: grant(order(scope=Scope(hosts=("x.org:443",))))),
    ("out_of_scope", lambda: grant(order(scope=Scope(files=Files(write=("../**",)))))),
    ("out_of_scope", lambda: grant(order(scope=Scope(commands=(("make",),))))),
]


@pytest.mark.parametrize(("code", "given"), CASES, ids=[f"{n}-{code}" for n, (code, _) in enumerate(CASES)])
def test_each_fault_has_its_code_and_leaves_no_trace(untouched: Journal, code: str, given: Callable[[], Grant]) -> None:
    with pytest.raises(Refusal) as caught:
        gate(untouched).open(given())
    assert caught.value.told == code
    assert untouched.epochs_of(["j1"]) == {}


def test_every_code_is_in_the_table_and_the_rest_is_given_elsewhere() -> None:
    elsewhere = {"replayed", "over_capacity", "draining", "policy_quiet_hours", "not_licensed", "GRACE_EXHAUSTED"}
    elsewhere |= {"secret_missing", "above_maximum", "unwarranted"}
    assert {code for code, _ in CASES} | elsewhere == set(REFUSALS)


@pytest.mark.parametrize("shift", [-CLOCK_LEEWAY_MS, 0, 900_000 + CLOCK_LEEWAY_MS])
def test_clocks_may_differ_by_the_leeway(untouched: Journal, shift: int) -> None:
    assert gate(untouched, now=lambda: NOW + shift).open(grant(ORDER)) == ORDER


def test_a_host_that_cannot_contain_refuses_what_must_be_contained(untouched: Journal) -> None:
    with pytest.raises(Refusal) as caught:
        gate(untouched, contains=lambda: False).open(grant(ORDER))
    assert caught.value.told == "not_capable"
    plain = order(kind="noop", payload={}, base=None)
    assert gate(untouched, contains=lambda: False).open(grant(plain)) == plain


def listed(*orders: JobOrder, agent: str = "a1", signer: Signer = JOB, role: str = "manifest") -> Envelope:
    kind = payload_type("job")
    digests = tuple(digest(kind, encode(each)) for each in orders)
    return seal(encode(Manifest(agent=agent, digests=digests)), role, signer)


def bare(given: JobOrder) -> Grant:
    return grant(given, order=wrap(encode(given), "job"))


def told(found: list[JobOrder | Refusal]) -> list[str]:
    return [each.told if isinstance(each, Refusal) else each.job for each in found]


def test_a_manifest_vouches_for_the_orders_it_lists_and_no_others(untouched: Journal) -> None:
    first, second, other = ORDER, order(job="j2"), order(job="j3")
    manifest = listed(first, second)
    found = gate(untouched).open_all([bare(first), bare(other), bare(second)], manifest)
    assert told(found) == ["j1", "bad_signature", "j2"]
    changed = grant(first, order=wrap(encode(order(payload={"argv": ["rm", "-r", "."]})), "job"))
    assert told(gate(untouched).open_all([changed, bare(second)], manifest)) == ["bad_signature", "j2"]


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        listed(ORDER, agent="a2"),
        listed(ORDER, signer=FOREIGN),
        listed(ORDER, signer=DIRECTIVE),
        listed(ORDER, role="directive"),
        msgspec.structs.replace(listed(ORDER), signatures=()),
        msgspec.structs.replace(listed(ORDER), payload=listed(order(job="j2")).payload),
    ],
    ids=["none", "another agent's", "a foreign key's", "another role's", "another type", "unsigned", "changed"],
)
def test_without_a_good_manifest_an_order_needs_its_own_signature(
    untouched: Journal, manifest: Envelope | None
) -> None:
    assert told(gate(untouched).open_all([bare(ORDER)], manifest)) == ["unsigned"]


def test_a_manifest_and_each_of_its_orders_are_kept_as_proof(tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    manifest = evidence(listed(ORDER, order(job="j2")))
    grants = [bare(ORDER), bare(order(job="j2"))]
    kept = Journal(path)
    kept.accept([(ORDER, evidence(grants[0].order)), (order(job="j2"), evidence(grants[1].order))], manifest)
    kept.close()
    rows = sqlite3.connect(path).execute(
        "SELECT job, accepted.envelope, manifests.envelope FROM accepted JOIN manifests ON manifests.id = manifest"
    )
    for job, envelope, proof in rows.fetchall():
        found = gate(Journal(tmp_path / f"{job}.db")).open_all(
            [Grant(job=job, epoch=1, order=msgspec.json.decode(envelope, type=Envelope))],
            msgspec.json.decode(proof, type=Envelope),
        )
        assert told(found) == [job]


def test_an_epoch_is_taken_once_and_never_a_lower_one(journal: Journal) -> None:
    second = grant(order(epoch=2))
    journal.accept([(gate(journal).open(second), evidence(second.order))])
    for epoch in (1, 2):
        with pytest.raises(Refusal) as caught:
            gate(journal).open(grant(order(epoch=epoch, nonce="1" * 32)))
        assert caught.value.told == "replayed"
    assert gate(journal).open(grant(order(epoch=3))).epoch == 3
    assert gate(journal).open(grant(order(job="j2"))).job == "j2"


def test_an_order_accepted_before_kill_nine_is_still_refused(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from agent_order import ORDER
from paddock.agent.journal import Journal
Journal(Path(sys.argv[1])).accept([(ORDER, b"{}")])
print("accepted", flush=True)
time.sleep(600)
"""
    (tmp_path / "agent_order.py").write_text(
        "import msgspec\nfrom paddock.wire.messages import JobOrder\n"
        f"ORDER = msgspec.json.decode({encode(ORDER)!r}, type=JobOrder)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code, str(tmp_path / "agent.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None and process.stdout.readline() == b"accepted\n"
        process.send_signal(signal.SIGKILL)
    with pytest.raises(Refusal) as caught:
        gate(Journal(tmp_path / "agent.db")).open(grant(ORDER))
    assert caught.value.told == "replayed"


def outcome(number: int, size: int = 0, session: str = "s1") -> Outcome:
    return Outcome(job=f"j{number}", epoch=1, session=session, status="done", result={"x": "y" * size})


def test_the_outbox_keeps_its_order_and_what_was_not_acknowledged(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "agent.db")
    journal.put([outcome(3), outcome(1), outcome(2)])
    journal.put([msgspec.structs.replace(outcome(1), status="failed")])
    journal.accept([], settled=[("j3", 1), ("j9", 1)])
    journal.close()
    again = Journal(tmp_path / "agent.db")
    told = [(o.job, msgspec.json.decode(o.body)["status"]) for o in again.pending(10**6)]
    assert told == [("j1", "done"), ("j2", "done")]


def test_outcomes_that_do_not_fit_a_beat_are_known_to_wait(journal: Journal) -> None:
    journal.put([outcome(1, 600), outcome(2, 600), outcome(3, 600), outcome(4, session="s0")])
    fitting = journal.pending(1_500)
    assert [o.job for o in fitting] == ["j1", "j2"]
    assert [o.job for o in journal.pending(1)] == ["j1"]
    assert journal.waiting("s1", len(fitting)) == [("j1", 1), ("j2", 1), ("j3", 1)]
    assert journal.waiting("s1", 4) == []
