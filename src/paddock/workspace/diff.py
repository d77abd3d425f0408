"""The difference between two commits of the cache, as a list of files and as a patch."""

from pathlib import Path

import msgspec

from paddock.workspace.errors import GitFailed
from paddock.workspace.git import last_words, run

PATCH_LIMIT = 512 << 10  # bytes
_OPTIONS = ("diff-tree", "-r", "--no-color", "--no-ext-diff", "--no-textconv", "--no-commit-id")
_LINK = "120000"


class FileChange(msgspec.Struct, frozen=True):
    """One path. `added` and `removed` are lines; both are 0 for a binary file. A rename is a D and an A."""

    path: str
    added: int
    removed: int
    status: str  # A, M, D or T (the type changed)
    old_mode: str
    new_mode: str

    @property
    def mode_changed(self) -> bool:
        return self.status == "M" and self.old_mode != self.new_mode

    @property
    def symlink(self) -> bool:
        return self.new_mode == _LINK


def changes(git_dir: Path, base: str, head: str) -> list[FileChange]:
    """Every path that differs, in git's order; names are `readable`."""
    if base == head:
        return []
    done = run(*_OPTIONS, "--no-renames", "--raw", "--numstat", "-z", base, head, "--", git_dir=git_dir)
    if done.code != 0 or done.cut:
        raise GitFailed(f"the change could not be listed: {last_words(done.err)}")
    fields = done.out.split(b"\0")
    raw: dict[bytes, tuple[str, str, str]] = {}
    found: list[FileChange] = []
    position = 0
    while position < len(fields) and fields[position].startswith(b":"):
        old, new, _, _, status = fields[position].decode().lstrip(":").split(" ")
        raw[fields[position + 1]] = (old, new, status[:1])
        position += 2
    for field in fields[position:]:
        if field:
            added, removed, name = field.split(b"\t", 2)
            old, new, status = raw[name]
            found.append(FileChange(readable(name), _lines(added), _lines(removed), status, old, new))
    return found


def readable(name: bytes) -> str:
    """A file's name as text that can travel: bytes that are not UTF-8 are written as \\xNN."""
    return name.decode("utf-8", "backslashreplace")


def _lines(count: bytes) -> int:
    return 0 if count == b"-" else int(count)


def patch(git_dir: Path, base: str, head: str, limit: int = PATCH_LIMIT) -> tuple[bytes, bool]:
    """The patch for a reader, and whether it was cut after `limit` bytes (then the last line says so)."""
    if base == head:
        return b"", False
    done = run(*_OPTIONS, "-p", "-M", base, head, "--", git_dir=git_dir, limit=limit)
    if done.cut:
        whole = done.out[: done.out.rfind(b"\n") + 1]
        return whole + f"[the diff is longer than {limit} bytes and was cut here]\n".encode(), True
    if done.code != 0:
        raise GitFailed(f"the diff could not be made: {last_words(done.err)}")
    return done.out, False
