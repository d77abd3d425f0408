"""Sealed values open with one key, for one attempt."""

import pytest

from paddock.wire.envelope import Malformed
from paddock.wire.keys import Signer
from paddock.wire.sealing import open_values, seal_values

MINE, OTHER = Signer(b"a" * 32, "agent"), Signer(b"b" * 32, "agent")


def test_values_open_for_their_agent_and_their_attempt_alone() -> None:
    sealed = seal_values(MINE.public, "j1", 2, {"npm": "token-of-npm"})
    assert "token" not in sealed and open_values(MINE, sealed, "j1", 2) == {"npm": "token-of-npm"}
    assert open_values(MINE, "", "j1", 2) == {}
    tries = [(OTHER, sealed, "j1", 2), (MINE, sealed, "j2", 2), (MINE, sealed, "j1", 3), (MINE, sealed[:-8], "j1", 2)]
    for key, text, job, epoch in [*tries, (MINE, "not base64", "j1", 2)]:
        with pytest.raises(Malformed):
            open_values(key, text, job, epoch)
