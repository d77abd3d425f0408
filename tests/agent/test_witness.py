"""An agent keeps the newest checkpoint, and never lets go of what proves that a later one lies."""

import base64
import json
from pathlib import Path

from paddock.agent.identity import Identity
from paddock.agent.trust import Trust
from paddock.agent.witness import Witness
from paddock.core.chain import Seal
from paddock.wire import audit
from paddock.wire.keys import Signer, Verifier
from paddock.wire.messages import ControlKey

KEY = Signer(b"k" * 32, "directive")
KEYS = {KEY.keyid: Verifier(KEY.public, "directive")}
TOLD = (ControlKey(keyid=KEY.keyid, role="directive", key=base64.b64encode(KEY.public).decode()),)


ME = Identity(agent="a1", generation=1, server="http://127.0.0.1:1", keys=TOLD)


def seal(number: int, at: int, head: str = "a") -> Seal:
    return Seal(number=number, last=10 * number, at=at, marks=b"", head=head * 64)


def witness(folder: Path) -> Witness:
    return Witness(folder / "witness.json", Trust(folder / "agent.json", ME, KEY))


def test_it_keeps_the_newest_over_restarts(tmp_path: Path) -> None:
    for number, at in ((3, 30), (5, 50), (4, 40)):
        witness(tmp_path).take(audit.sign(seal(number, at), KEY))
    assert (witness(tmp_path).number, witness(tmp_path).complaint) == (5, "")


def test_it_does_not_believe_others(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.take(audit.sign(seal(1, 10), Signer(b"x" * 32, "directive")))
    one.take(audit.sign(seal(1, 10), Signer(b"k" * 32, "job")))
    assert one.number == 0
    assert not (tmp_path / "witness.json").exists()


def test_a_journal_that_was_put_back_is_told_for_good(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.take(audit.sign(seal(5, 50), KEY))
    one.take(audit.sign(seal(3, 60), KEY))
    assert "cut off" in one.complaint
    one.take(audit.sign(seal(9, 90), KEY))
    again = witness(tmp_path)
    assert (again.number, again.complaint) == (5, one.complaint)
    kept = json.loads((tmp_path / "witness.json").read_text())
    assert kept["against"]["payloadType"] == kept["checkpoint"]["payloadType"]
