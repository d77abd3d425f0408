"""What a signer signs, and what it does not sign whoever asks."""

import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.core.job import Files, Scope
from paddock.signer.bounds import Limit
from paddock.signer.folder import Folder, read_ring
from paddock.signer.office import Office, _Body
from paddock.wire import rotation
from paddock.wire.envelope import Envelope, EnvelopeError, Signature, seal
from paddock.wire.keys import BadKey, Signer
from paddock.wire.messages import Directive, JobOrder, Manifest, encode
from paddock.wire.signer import (
    Answer,
    Ask,
    Asked,
    Derive,
    End,
    Failed,
    Licence,
    Orders,
    Rotate,
    Show,
    Shown,
    Signed,
    Statement,
    frame,
)
from support.orders import order
from support.signers import signer_of

MAXIMUM = """
projects = ["shop*"]
repositories = ["/srv/*"]
kinds = ["command", "noop", "test.run"]
files = ["src/**", "docs/*.md"]
commands = [["ruff", "***"], ["pytest", "***"]]
hosts = ["pypi.org:443", "**.example.org:443"]
wall_seconds = 600
secrets = ["CI_*"]
start_seconds = 900
degraded = false
[project.shop-small]
files = ["src/small/**"]
"""


class Desk:
    """An office, and a way to ask it one thing at a time."""

    def __init__(self, folder: Path, maximum: str | None = MAXIMUM) -> None:
        self.keys = folder / "keys"
        self.file = folder / "maximum.toml"
        if maximum is not None:
            self.file.write_text(maximum)
            self.file.chmod(0o644)
        Folder(self.keys).load(make=True)
        self.office = Office(Folder(self.keys), Limit(self.file))

    def ask(self, part: Asked) -> Any:
        return self.office.answer(Ask((part,))).parts[0]

    def jobs(self, *orders: JobOrder, agent: str = "a1") -> Any:
        return self.ask(Orders(agent, tuple(encode(one) for one in orders)))

    def why(self, **fields: Any) -> str:
        """Why an order is not signed; nothing when it is."""
        told = self.jobs(fresh(**fields))
        assert isinstance(told, Signed), told
        return told.refused[0][1] if told.refused else ""

    def shown(self) -> Shown:
        found = self.ask(Show())
        assert isinstance(found, Shown)
        return found


def fresh(**fields: Any) -> JobOrder:
    """An order of now that stands inside the maximum."""
    now = time.time_ns() // 1_000_000
    inside = {"nbf": now, "exp": now + 900_000, "scope": Scope(files=Files(write=("src/**",)))}
    return order(**{**inside, **fields})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def follow(keys: rotation.Keys, *chain: Envelope) -> rotation.Keys:
    """The keys after these statements, from the first one on."""
    followed = 0
    for statement in chain:
        keys, followed = rotation.follow(keys, followed, statement)
    return keys


def scoped(*write: str, **more: Any) -> Scope:
    return Scope(files=Files(write=write or ("src/**",)), **more)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, ""),
        ({"scope": scoped("src/a/*.py", "docs/x.md", hosts=("pypi.org:443", "a.b.example.org:443"))}, ""),
        ({"scope": Scope()}, "files: **"),
        ({"scope": scoped("src/**", "docs/**")}, "files: docs/**"),
        ({"scope": scoped("*/**")}, "files"),
        ({"scope": scoped(hosts=("pypi.org:8080",))}, "hosts"),
        ({"scope": scoped(hosts=("evil.test:443",))}, "hosts: evil.test:443"),
        ({"scope": scoped(degraded=True)}, "degraded"),
        ({"scope": scoped(secrets=("DEPLOY",))}, "secrets: DEPLOY"),
        ({"scope": scoped(secrets=("CI_TOKEN",))}, ""),
        ({"payload": {"argv": ["sh", "-c", "ruff"]}}, "commands: sh -c ruff"),
        ({"kind": "test.run", "payload": {"commit": "c", "checks": [["pytest"], ["curl", "x"]]}}, "commands: curl x"),
        ({"kind": "test.run", "payload": {"commit": "c", "checks": [["pytest"]]}, "scope": Scope()}, ""),
        ({"kind": "change.merge"}, "kinds"),
        ({"kind": "odd"}, "kinds"),
        ({"project": "other"}, "projects"),
        ({"project": "shop-small"}, "files: src/**"),
        ({"project": "shop-small", "scope": scoped("src/small/a.py")}, ""),
        ({"limits": msgspec.convert({"wall_s": 601}, type=type(order().limits))}, "wall_seconds"),
        ({"exp": (time.time_ns() // 1_000_000) + 3_600_000}, "start_seconds"),
        ({"agent": "a2"}, "another agent"),
    ],
)
def test_an_order_is_signed_only_when_it_stands_inside_the_maximum(desk: Desk, fields: Any, word: str) -> None:
    found = desk.why(**fields)
    assert found.startswith(word) if word and "agent" not in fields else word in found
    assert bool(found) == bool(word)


def test_of_several_orders_those_inside_are_signed_together(desk: Desk) -> None:
    good = [fresh(job="j1"), fresh(job="j2")]
    told = desk.jobs(good[0], fresh(scope=Scope()), good[1])
    assert [at for at, _ in told.refused] == [1]
    assert len(msgspec.json.decode(told.manifest, type=Manifest).digests) == 2
    assert desk.ask(Orders("a1", (b'{"v":1}', b"\xff", b"[" * 10_000))).refused[2][0] == 2
    assert desk.jobs().sig == b""


def test_the_signer_reads_every_field_of_an_order() -> None:
    assert _Body.__struct_fields__ == JobOrder.__struct_fields__


def test_nothing_but_what_its_purpose_promises_is_signed(desk: Desk) -> None:
    directive = encode(Directive(agent="a1", session="s1", seq=1))
    assert isinstance(desk.ask(Statement("directive", directive)), Signed)
    for part in (
        Statement("job", encode(fresh())),
        Statement("manifest", encode(Manifest(agent="a1", digests=()))),
        Statement("key", directive),
        Statement("standing", directive),
        Statement("checkpoint", b"{}"),
        Licence(b"{}"),
        Derive("job"),
        Rotate(("agent",), 0),
        End(()),
    ):
        assert isinstance(desk.ask(part), Failed), part


def test_a_maximum_that_others_can_write_lets_nothing_be_signed(desk: Desk) -> None:
    assert desk.why() == ""
    desk.file.chmod(0o666)
    told = desk.jobs(fresh())
    assert isinstance(told, Failed) and told.code == "maximum_unsafe"
    assert "can be written by others" in desk.shown().trouble
    desk.file.chmod(0o644)
    desk.file.write_text("files = [1]")
    assert isinstance(desk.jobs(fresh()), Failed)
    desk.file.write_text(MAXIMUM.replace('"src/**"', '"lib/**"'))
    assert desk.why().startswith("files")
    desk.file.unlink()
    assert desk.why(scope=Scope()) == "" and desk.shown().maximum == ""


def test_strangers_are_turned_away(tmp_path: Path) -> None:
    Folder(tmp_path / "keys").load(make=True)
    for users, answer in ((frozenset({12_345}), b""), (frozenset({os.getuid()}), b"\0")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect(signer_of(tmp_path, users))
            link.settimeout(30)
            with contextlib.suppress(ConnectionError):
                link.sendall(frame(Ask((Show(),))))
                assert link.recv(1) == answer


def test_one_key_follows_another_and_who_was_away_catches_up(desk: Desk) -> None:
    known = desk.shown().ring.keys
    for _ in range(2):
        desk.ask(Rotate(("job", "directive"), 0))
        desk.ask(Show())  # the overlap is over
    ring = desk.shown().ring
    assert len(ring.chain) == 8 and follow(known, *ring.chain) == ring.keys
    assert follow(known, *ring.chain, *ring.chain) == ring.keys
    good = rotation.good(ring.keys)
    assert sorted(key.role for key in good.values()) == ["directive", "job"] and len(rotation.ever(ring.keys)) == 6
    assert not set(good) & {key.keyid for key in known}
    assert len(list(desk.keys.glob("*.key"))) == 2, "former private keys are gone"
    again = Office(Folder(desk.keys), Limit(None)).answer(Ask((Show(),)))
    assert isinstance(again, Answer) and again.ring == 8 and read_ring(desk.keys) == ring


def test_both_keys_are_taken_while_they_overlap(desk: Desk) -> None:
    known = desk.shown().ring.keys
    told = desk.ask(Rotate(("job",), 3_600_000))
    assert len(rotation.good(told.ring.keys)) == 3 and set(told.ends) == {"job"}
    assert desk.jobs(fresh()).keyid == rotation.newest(told.ring.keys, "job").keyid
    ended = desk.ask(End(("job", "directive")))
    assert len(rotation.good(ended.ring.keys)) == 2 and ended.ends == {} and len(ended.ring.chain) == 2
    assert follow(known, *ended.ring.chain) == ended.ring.keys


def test_a_forged_statement_on_keys_is_believed_by_nobody(desk: Desk) -> None:
    known = desk.shown().ring.keys
    desk.ask(Rotate(("job",), 0))
    desk.ask(Show())
    ring = desk.shown().ring
    announced = ring.chain[0]
    thief = Signer(b"t" * 32, "job")
    _, by_thief = rotation.announce(known, Signer(b"n" * 32, "job"), thief, 1, 1)
    _, without_the_new = rotation.announce(known, thief, thief, 1, 1)
    alone = msgspec.structs.replace(announced, signatures=announced.signatures[:1])
    new_alone = msgspec.structs.replace(announced, signatures=announced.signatures[1:])
    swapped = msgspec.structs.replace(announced, payload=ring.chain[1].payload)
    other = Envelope(announced.payload_type, announced.payload, (Signature("job-x", announced.signatures[0].sig),))
    odd = seal(b"{}", "directive", thief)
    for forged in (by_thief, without_the_new, alone, new_alone, swapped, other, odd, ring.chain[1]):
        with pytest.raises(EnvelopeError):
            rotation.follow(known, 0, forged)


def test_a_folder_that_lacks_something_is_no_folder_of_keys(desk: Desk) -> None:
    desk.ask(Rotate(("job",), 0))
    path = next(desk.keys.glob("job-*.key"))
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(BadKey, match="is missing"):
        Folder(desk.keys).load()
    path.touch(0o600)
    path.write_bytes(b"x" * 32)
    with pytest.raises(BadKey, match="is not the key"):
        Folder(desk.keys).load()
    path.write_bytes(kept)
    (desk.keys / "job-stray.key").touch(0o600)
    (desk.keys / "job-stray.key").write_bytes(b"s" * 32)
    assert Folder(desk.keys).load().ring == read_ring(desk.keys)
    assert not (desk.keys / "job-stray.key").exists()
