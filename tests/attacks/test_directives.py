"""Directives that are forged, or that answered another beat: no run is stopped and no outcome forgotten."""

import os
from collections.abc import Callable

from paddock.wire.envelope import seal
from paddock.wire.keys import Signer, load_or_make
from paddock.wire.messages import Ack, Directive, Stop, encode
from support.chaos import end_wait, label
from support.middle import Json, Middle
from support.wait import wait_until


def sealed(directive: Directive, signer: Signer, purpose: str = "directive") -> Json:
    """A directive as it goes over the wire."""
    envelope = seal(encode(directive), purpose, signer)
    signatures = [{"keyid": s.keyid, "sig": s.sig} for s in envelope.signatures]
    return {"payloadType": envelope.payload_type, "payload": envelope.payload, "signatures": signatures}


def forgeries(middle: Middle) -> list[Callable[[Json], Json]]:
    """Each makes of a beat a directive that would cancel everything the agent runs, if it were obeyed."""
    keys = middle.fleet.home / "keys"
    right, other = (load_or_make(keys / f"{role}.key", role) for role in ("directive", "job"))

    def orders(beat: Json, **more: object) -> Directive:
        held = [(one["job"], one["epoch"]) for one in beat.get("held", ())]
        fields: Json = {"agent": beat["agent"], "session": beat["session"], "seq": beat["seq"], **more}
        stops = tuple(Stop(job=job, epoch=epoch, why="cancel") for job, epoch in held)
        return Directive(
            **fields, stops=stops, acks=tuple(Ack(job=job, epoch=epoch) for job, epoch in held), drain=True
        )

    return [
        lambda beat: sealed(orders(beat), Signer(os.urandom(32), "directive")),
        lambda beat: sealed(orders(beat), other),
        lambda beat: {**sealed(orders(beat), right), "signatures": []},
        lambda beat: sealed(orders(beat), right, "job"),
        lambda beat: sealed(orders(beat, seq=beat["seq"] - 1), right),
        lambda beat: sealed(orders(beat, session="s" + "0" * 20), right),
        lambda beat: sealed(orders(beat, agent="a" + "0" * 20), right),
    ]


def test_forged_directives_stop_nothing(middle: Middle) -> None:
    middle.only("a1")
    job = middle.fleet.run(["sh", "-c", "echo one > one.txt; echo started; sleep 600; exit 0"], id="unharmed")
    middle.fleet.printed(job, b"started")
    waiting = forgeries(middle)
    handed_over: list[int] = []

    def forge(beat: Json, reply: Json) -> None:
        if waiting:
            reply["directive"] = waiting.pop()(beat)
            handed_over.append(beat["seq"])

    middle.answer = forge
    wait_until(lambda: not waiting and middle.beats[-1]["seq"] > handed_over[-1] + 1, 30, what="all were handed over")
    middle.honest()
    assert [one["cancelling"] for beat in middle.beats for one in beat.get("held", ()) if "cancelling" in one] == []
    end_wait(label(middle.fleet, job, 1), "sleep", "600")
    shown = middle.fleet.until(job, "in_review")
    assert [(a["state"], a["code"]) for a in shown["attempts"]] == [("done", "")]
    assert middle.fleet.agents["a1"].popen.poll() is None
