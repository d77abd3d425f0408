"""Files that are not as they were written: each is found, and what is in order is not."""

import base64
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from paddock.agent.identity import Identity, agent_key, load, save
from paddock.agent.tampering import of_bundle, of_state

SHOWN = "agent.json was changed"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory, sealed at its first start."""
    key = agent_key(tmp_path)
    save(tmp_path / "agent.json", msgspec.json.encode(Identity(agent="a1", generation=1, server="http://x", keys=())))
    assert look(tmp_path) == ""
    assert load(tmp_path).seal
    assert key.keyid == agent_key(tmp_path).keyid
    return tmp_path


def look(state: Path) -> str:
    return of_state(state, load(state), agent_key(state))


def edited(state: Path, **fields: object) -> None:
    save(state / "agent.json", msgspec.json.encode(msgspec.structs.replace(load(state), **fields)))


def linked(state: Path) -> None:
    (state / "elsewhere").write_text("{}")
    (state / "standing.json").symlink_to(state / "elsewhere")


def opened(state: Path) -> None:
    (state / "licence.jwt").write_text("x")
    (state / "licence.jwt").chmod(0o644)


def given_away(state: Path) -> None:
    (state / "rolling.json").write_text("{}")
    (state / "rolling.json").chmod(0o600)
    os.chown(state / "rolling.json", 12_345, -1)


@pytest.mark.parametrize(
    ("touch", "found"),
    [
        (lambda state: edited(state, server="http://evil.test"), SHOWN),
        (lambda state: edited(state, agent="a2"), SHOWN),
        (lambda state: edited(state, generation=0), SHOWN),
        (lambda state: edited(state, seal="00"), SHOWN),
        (linked, "standing.json is no plain file"),
        (opened, "licence.jwt can be used by others"),
        (given_away, "rolling.json belongs to another user"),
        (lambda _state: None, ""),
    ],
)
def test_each_change_is_found(state: Path, touch: Callable[[Path], None], found: str) -> None:
    if touch is given_away and os.geteuid() != 0:
        pytest.skip("only root can give files away")
    touch(state)
    assert look(state) == found


def test_the_seal_is_this_keys_alone(state: Path) -> None:
    (state / "agent.key").unlink()
    assert look(state) == SHOWN


def test_a_changed_file_of_the_program_is_named(tmp_path: Path) -> None:
    package, info = tmp_path / "paddock", tmp_path / "paddock-1.0.dist-info"
    package.mkdir()
    assert of_bundle(package) == ""  # a checkout
    info.mkdir()
    record = []
    for name in ("__init__.py", "agent.py"):
        (package / name).write_bytes(name.encode())
        digest = base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).rstrip(b"=").decode()
        record.append(f"paddock/{name},sha256={digest},{len(name)}")
    (info / "RECORD").write_text("\n".join([*record, "paddock-1.0.dist-info/RECORD,,", "../../bin/paddock,sha256=x,1"]))
    assert of_bundle(package) == ""
    (package / "agent.py").write_bytes(b"print('mine')")
    assert of_bundle(package) == "paddock/agent.py"
    (package / "agent.py").unlink()
    assert of_bundle(package) == "paddock/agent.py"
