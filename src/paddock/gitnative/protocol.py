"""One exchange with the receiving side of a remote: its refs come, our commands go, its report comes.

Everything a claim needs is in it: what is there is seen and what is wanted is asked for on the same connection, and the
remote takes a command only while the ref still is what the command says it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

from paddock.gitnative import pktline
from paddock.gitnative.objects import ZERO, Object, pack

_ASKED = ("report-status", "atomic", "side-band-64k", "quiet", "ofs-delta")
AGENT = "agent=paddock"


@dataclass(frozen=True)
class Update:
    """A ref's move from what it must be (ZERO: nothing) to what it shall be (ZERO: nothing)."""

    ref: str
    old: str
    new: str


@dataclass(frozen=True)
class Push:
    """What is asked for: all of the updates or, where the remote knows how, none."""

    updates: Sequence[Update]
    objects: Sequence[Object] = ()


@dataclass(frozen=True)
class Report:
    """What came of a push: why each ref was refused (empty: none was), and what the remote's hooks said."""

    refused: Mapping[str, str] = field(default_factory=dict)
    said: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything was done."""
        return not self.refused


@dataclass(frozen=True)
class Exchange:
    """The refs as they were, and what came of the push; None when nothing was asked for. `able` is what the receiving
    side can do, empty when it did not say."""

    refs: Mapping[str, str]
    report: Report | None = None
    able: frozenset[str] = frozenset()


# Looks at the refs and says what to ask for.
Decide = Callable[[Mapping[str, str]], Push | None]


class Unusual(Exception):
    """This remote wants more than is spoken here; a git process can talk to it."""


class Wire(Protocol):
    """A connection that carries bytes both ways."""

    def read(self) -> bytes:
        """Some bytes; none at the end."""

    def write(self, data: bytes) -> None:
        """Sends bytes."""


def read_refs(reader: pktline.Reader) -> tuple[dict[str, str], frozenset[str]]:
    """The refs and the abilities that the remote begins with.

    Raises: Broken; Unusual for a repository whose ids are no SHA-1.
    """
    lines = iter(reader.section())
    first = next((line for line in lines if not line.startswith(b"version ")), b"")
    if first.startswith((b"ERR ", b"# ")):
        raise pktline.Broken(first.decode(errors="replace").strip())
    head, _, words = first.partition(b"\0")
    able = frozenset(words.decode(errors="replace").split())
    if any(word.startswith("object-format=") and word != "object-format=sha1" for word in able):
        raise Unusual
    rows = (line.decode(errors="surrogateescape") for line in chain((head,), lines))
    return {row[41:].rstrip("\n"): row[:40] for row in rows if row[40:46] == " refs/"}, able


def commands(push: Push, able: frozenset[str]) -> bytes:
    """The bytes that ask for a push.

    Raises: Unusual when the remote would not say what came of it.
    """
    if "report-status" not in able:
        raise Unusual
    asked = " ".join([*(word for word in _ASKED if word in able), AGENT])
    out = []
    for number, update in enumerate(push.updates):
        words = f"{update.old} {update.new} {update.ref}".encode()
        out.append(pktline.line(words + (b"\0 " + asked.encode() if number == 0 else b"")))
    out.append(pktline.FLUSH)
    if any(update.new != ZERO for update in push.updates):
        out.append(pack(push.objects))
    return b"".join(out)


def read_report(reader: pktline.Reader, able: frozenset[str]) -> Report:
    """What the remote says came of it.

    Raises: Broken when it does not say.
    """
    said: list[bytes] = []
    lines = list(reader.section()) if "side-band-64k" not in able else _unband(reader, said)
    refused: dict[str, str] = {}
    unpacked = False
    for line in lines:
        words = line.decode(errors="replace").strip()
        if words.startswith("unpack "):
            unpacked = True
            if words != "unpack ok":
                said.append(words.encode())
        elif words.startswith("ng "):
            _, ref, *reason = words.split(" ", 2)
            refused[ref] = reason[0] if reason else "refused"
    if not unpacked:
        raise pktline.Broken("the remote did not say what came of the push")
    return Report(refused, b"".join(said).decode(errors="replace"))


def _unband(reader: pktline.Reader, said: list[bytes]) -> list[bytes]:
    told: list[bytes] = []
    for line in reader.section():
        if line[:1] == b"\x01":
            told.append(line[1:])
        elif line[:1] == b"\x02":
            said.append(line[1:])
        elif line[:1] == b"\x03":
            raise pktline.Broken(line[1:].decode(errors="replace").strip())
    chunks = iter([b"".join(told)])
    return list(pktline.Reader(lambda: next(chunks, b"")).section()) if told else []


def talk(wire: Wire, decide: Decide) -> Exchange:
    """One exchange over a connection that carries bytes both ways."""
    reader = pktline.Reader(wire.read)
    refs, able = read_refs(reader)
    push = decide(refs)
    if push is None or not push.updates:
        wire.write(pktline.FLUSH)
        return Exchange(refs, able=able)
    wire.write(commands(push, able))
    return Exchange(refs, read_report(reader, able), able)
