"""Git objects and packs, made here: a claim is one small commit, and no git process is needed to write one."""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ZERO = "0" * 40
_CODES = {"commit": 1, "tree": 2, "blob": 3}


@dataclass(frozen=True)
class Object:
    """One object; `id` is its SHA-1 in hex."""

    kind: str
    data: bytes
    id: str


def make(kind: str, data: bytes) -> Object:
    """An object of these bytes."""
    return Object(kind, data, hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest())


def tree(entries: Iterable[tuple[str, str, str]] = ()) -> Object:
    """A tree of (mode, name, id); without entries the empty one."""
    rows = [(mode, name.encode(errors="surrogateescape"), bytes.fromhex(oid)) for mode, name, oid in entries]
    # git orders a folder as if its name ended with a slash.
    rows.sort(key=lambda row: row[1] + (b"/" if row[0] == "40000" else b""))
    return make("tree", b"".join(b"%s %s\0%s" % (mode.encode(), name, oid) for mode, name, oid in rows))


EMPTY_TREE = tree()


@dataclass(frozen=True)
class Person:
    """Who made a commit, and when by his own clock: epoch seconds, which nothing here relies on."""

    name: str
    email: str
    at: int

    def __str__(self) -> str:
        return f"{_plain(self.name)} <{_plain(self.email)}> {self.at} +0000"


def _plain(text: str) -> str:
    return "".join(char for char in text if char not in "<>\n\0").strip() or "nobody"


def commit_text(message: str, who: Person, parents: Sequence[str], tree_id: str = EMPTY_TREE.id) -> bytes:
    """The bytes of a commit without a signature."""
    lines = [f"tree {tree_id}", *(f"parent {parent}" for parent in parents), f"author {who}", f"committer {who}"]
    return ("\n".join(lines) + "\n\n" + message.rstrip("\n") + "\n").encode()


def signed(text: bytes, signature: str) -> bytes:
    """The bytes of a commit with its signature in place."""
    head, _, body = text.partition(b"\n\n")
    folded = signature.strip().replace("\n", "\n ")
    return head + f"\ngpgsig {folded}\n\n".encode() + body


def pack(found: Sequence[Object]) -> bytes:
    """A pack of whole objects, each once."""
    unique = {one.id: one for one in found}
    parts = [b"PACK", struct.pack(">II", 2, len(unique))]
    for one in unique.values():
        parts += [_head(_CODES[one.kind], len(one.data)), zlib.compress(one.data, 1)]
    body = b"".join(parts)
    return body + hashlib.sha1(body).digest()


def _head(code: int, size: int) -> bytes:
    out = bytearray([code << 4 | size & 15])
    size >>= 4
    while size:
        out[-1] |= 0x80
        out.append(size & 0x7F)
        size >>= 7
    return bytes(out)
