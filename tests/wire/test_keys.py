"""Key files, signed requests and bearers."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from paddock.core.errors import Unauthorised
from paddock.wire.keys import BadKey, Signer, Verifier, load_or_make
from paddock.wire.signing import Bearers, sign, verify


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "job.key"
    first = load_or_make(path, "job")
    assert load_or_make(path, "job").keyid == first.keyid
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_race_for_a_key_get_the_same(tmp_path: Path) -> None:
    code = "import sys, pathlib; from paddock.wire.keys import load_or_make; "
    code += "sys.stdin.read(); print(load_or_make(pathlib.Path(sys.argv[1]), 'job').keyid)"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "job.key"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    assert len({racer.communicate(timeout=30)[0] for racer in racers}) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "job.key"
    load_or_make(path, "job")
    path.chmod(mode)
    with pytest.raises(BadKey, match="can be read by others") as caught:
        load_or_make(path, "job")
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_key_of_another_length_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "job.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(BadKey, match="is no key"):
        load_or_make(path, "job")


def test_a_link_or_a_folder_is_no_key(tmp_path: Path) -> None:
    real = tmp_path / "real.key"
    load_or_make(real, "job")
    link = tmp_path / "link.key"
    link.symlink_to(real)
    folder = tmp_path / "folder.key"
    folder.mkdir(mode=0o700)
    for path in (link, folder):
        with pytest.raises(BadKey):
            load_or_make(path, "job")


def test_a_private_key_is_never_printed() -> None:
    assert repr(Signer(b"s" * 32, "job")).startswith("Signer(job-")


def test_a_request_is_signed_for_one_purpose() -> None:
    signer = Signer(b"a" * 32, "agent")
    key = Verifier(signer.public, "agent")
    verify(b"body", sign(b"body", "beat", signer), "beat", key)
    for body, signature, purpose in [
        (b"body", sign(b"body", "log", signer), "beat"),
        (b"bodY", sign(b"body", "beat", signer), "beat"),
        (b"body", sign(b"body", "beat", Signer(b"b" * 32, "agent")), "beat"),
        (b"body", "", "beat"),
        (b"body", "???", "beat"),
        (b"body", "ü", "beat"),
        (b"body", "AAAA", "beat"),
    ]:
        with pytest.raises(Unauthorised):
            verify(body, signature, purpose, key)


def test_a_bearer_is_good_for_its_session_and_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    bearers = Bearers(b"secret")
    token = bearers.issue("a1", "s1")
    assert bearers.check(token) == ("a1", "s1")
    for bad in ["", "a1.s1.99999999999", "a1.s1.99999999999.", token + "0", token.replace("a1", "a2"), "ü" * 9]:
        with pytest.raises(Unauthorised, match="does not hold"):
            bearers.check(bad)
    with pytest.raises(Unauthorised, match="does not hold"):
        Bearers(b"another").check(token)
    monkeypatch.setattr(Bearers, "LIFETIME_S", -1)
    with pytest.raises(Unauthorised, match="expired"):
        bearers.check(bearers.issue("a1", "s1"))
