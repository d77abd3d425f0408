"""Commits on the coordination branch, made of the trees that change and nothing else: no checkout, no index."""

from collections.abc import Mapping
from pathlib import Path

from paddock.gitnative import gitrun
from paddock.gitnative.objects import EMPTY_TREE, Object, make, tree

_Rows = dict[str, tuple[str, str]]


def edited(git_dir: Path, tip: str, changes: Mapping[str, str | None]) -> tuple[str, list[Object]]:
    """The tree of `tip` with some files written anew (path → text) or gone (path → None): its id and what is new.

    Raises: GitFailed when the trees of `tip` are not in `git_dir`.
    """
    folders = sorted({parent for path in changes for parent in _parents(path)}, key=lambda name: -name.count("/"))
    rows = _read(git_dir, tip, ["", *folders])
    new: list[Object] = []
    for path, text in changes.items():
        folder, _, leaf = path.rpartition("/")
        if text is None:
            rows[folder].pop(leaf, None)
        else:
            blob = make("blob", text.encode())
            new.append(blob)
            rows[folder][leaf] = ("100644", blob.id)
    for name in folders:  # the deepest first
        parent, _, leaf = name.rpartition("/")
        if rows[name]:
            new.append(_tree(rows[name]))
            rows[parent][leaf] = ("40000", new[-1].id)
        else:
            rows[parent].pop(leaf, None)
    new.append(_tree(rows[""]) if rows[""] else EMPTY_TREE)
    return new[-1].id, new


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _tree(rows: _Rows) -> Object:
    return tree((mode, name, oid) for name, (mode, oid) in rows.items())


def _read(git_dir: Path, tip: str, folders: list[str]) -> dict[str, _Rows]:
    asked = "".join(f"{tip}:{name}\n" if name else f"{tip}^{{tree}}\n" for name in folders)
    out = gitrun.git("cat-file", "--batch", git_dir=git_dir, stdin=asked.encode())
    found: dict[str, _Rows] = {}
    at = 0
    for name in folders:
        end = out.index(b"\n", at)
        words = out[at:end].split()
        at = end + 1
        found[name] = {}
        if len(words) == 3 and words[1] == b"tree":
            found[name] = _rows(out[at : at + int(words[2])])
        if len(words) == 3:
            at += int(words[2]) + 1
    return found


def _rows(data: bytes) -> _Rows:
    found: _Rows = {}
    at = 0
    while at < len(data):
        end = data.index(b"\0", at)
        mode, _, name = data[at:end].partition(b" ")
        found[name.decode(errors="surrogateescape")] = (mode.decode(), data[end + 1 : end + 21].hex())
        at = end + 21
    return found
