"""Signed orders and the gate of an agent that they are held against."""

from typing import Any

import msgspec

from paddock.agent.intake import Gatekeeper
from paddock.agent.journal import Journal
from paddock.core.job import Scope
from paddock.wire.envelope import seal
from paddock.wire.keys import Signer, Verifier
from paddock.wire.messages import Base, Grant, JobOrder, Limits, encode

NOW = 1_800_000_000_000
JOB, DIRECTIVE, FOREIGN = Signer(b"j" * 32, "job"), Signer(b"d" * 32, "directive"), Signer(b"f" * 32, "job")
ORDER = JobOrder(
    job="j1",
    name="one",
    kind="command",
    project="shop",
    agent="a1",
    agent_key="agent-key",
    generation=1,
    attempt=1,
    epoch=1,
    nonce="0" * 32,
    nbf=NOW,
    exp=NOW + 900_000,
    base=Base(repo="/srv/shop.git", branch="main"),
    payload={"argv": ["ruff", "check"]},
    scope=Scope(),
    limits=Limits(wall_s=60),
)


def gate(journal: Journal, **more: Any) -> Gatekeeper:
    facts: dict[str, Any] = {
        "agent": "a1",
        "agent_key": "agent-key",
        "generation": 1,
        "keys": {signer.keyid: Verifier(signer.public, signer.role) for signer in (JOB, DIRECTIVE)},
        "runs": frozenset({"command", "noop"}),
        "contains": lambda: True,
        "journal": journal,
        "now": lambda: NOW,
    }
    return Gatekeeper(**{**facts, **more})


def order(**fields: Any) -> JobOrder:
    return msgspec.structs.replace(ORDER, **fields)


def grant(given: JobOrder, signer: Signer = JOB, **more: Any) -> Grant:
    return Grant(**{"job": given.job, "epoch": given.epoch, "order": seal(encode(given), "job", signer), **more})
