"""The word on an agent's standing: kept, obeyed, and never taken back by an older one."""

import base64
from pathlib import Path

import msgspec
import pytest

from paddock.agent.identity import Identity
from paddock.agent.quarantine import Post, Terminated
from paddock.agent.trust import Trust
from paddock.core.anomalies import Standing
from paddock.wire import standing
from paddock.wire.envelope import Envelope
from paddock.wire.keys import Signer
from paddock.wire.messages import ControlKey

KEY = Signer(b"k" * 32, "directive")
ME = Identity(
    agent="a1",
    generation=1,
    server="http://127.0.0.1:1",
    keys=(ControlKey(keyid=KEY.keyid, role="directive", key=base64.b64encode(KEY.public).decode()),),
)


def word(number: int, where: Standing, key: Signer = KEY, **more: object) -> Envelope:
    body = {"agent": "a1", "agent_key": "mine", "generation": 1, "number": number, "standing": where, "at": 1, **more}
    return standing.sign(msgspec.convert(body, standing.Order), key)


def post(folder: Path) -> Post:
    return Post(folder / "standing.json", Trust(folder / "agent.json", ME, KEY), "mine")


def test_it_lasts_over_restarts_and_yields_to_newer_words_alone(tmp_path: Path) -> None:
    one = post(tmp_path)
    lifted = word(2, Standing.ACTIVE)
    one.take(word(1, Standing.QUARANTINED, reason="odd"))
    assert (post(tmp_path).works, post(tmp_path).reason) == (False, "odd")
    one.take(lifted)
    assert post(tmp_path).works
    one.take(word(3, Standing.QUARANTINED))
    one.take(lifted)  # replayed
    one.take(word(3, Standing.ACTIVE))
    assert (one.standing, post(tmp_path).number) == (Standing.QUARANTINED, 3)


@pytest.mark.parametrize(
    "bad",
    [
        word(9, Standing.ACTIVE, Signer(b"x" * 32, "directive")),
        word(9, Standing.ACTIVE, Signer(b"k" * 32, "job")),
        word(9, Standing.ACTIVE, agent="a2"),
        word(9, Standing.ACTIVE, agent_key="another"),
        word(9, Standing.ACTIVE, generation=2),
    ],
    ids=["another key", "another role", "another agent", "another key of ours", "another activation"],
)
def test_nobody_else_lifts_it(tmp_path: Path, bad: Envelope) -> None:
    one = post(tmp_path)
    one.take(word(1, Standing.QUARANTINED))
    one.take(bad)
    assert not one.works
    (tmp_path / "standing.json").write_bytes(msgspec.json.encode(bad))
    assert (post(tmp_path).works, bool(post(tmp_path).tampered), post(tmp_path).number) == (False, True, 0)


def test_who_was_stopped_for_good_does_not_start(tmp_path: Path) -> None:
    post(tmp_path).check()
    post(tmp_path).take(word(1, Standing.TERMINAL, reason="stolen"))
    with pytest.raises(Terminated, match="for good: stolen"):
        post(tmp_path).check()
