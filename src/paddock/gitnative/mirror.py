"""The coordination branch as this host knows it: its latest tree, without history, and the board made of it."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from paddock.gitnative import batches, channels, gitrun, layouts, toon
from paddock.gitnative.batches import Gate
from paddock.gitnative.board import Board, Problem
from paddock.gitnative.checkout import LARGEST
from paddock.gitnative.errors import TaskInvalid
from paddock.gitnative.home import replace
from paddock.gitnative.locks import locked
from paddock.gitnative.tasks import Task

# Boards of that many tips are kept.
KEPT = 4


class Coordination(msgspec.Struct, frozen=True, kw_only=True):
    """How the agents of a repository meet, as `.agents/paddock.toon` says under `coordination`."""

    protocol: str = "refs"
    branch: str = ""
    prefix: str = "refs/paddock"
    # Where refs go when the remote refuses those of the prefix: below refs/heads/. Empty: nowhere.
    fallback: str = ""
    # Losses after which a task waits for a person.
    max_losses: int = 5
    # Project → the coordination branch that its tasks are on, for those that have one of their own.
    branches: dict[str, str] = msgspec.field(default_factory=dict)
    # A file in the repository; with it, only what verifies against it is run.
    allowed_signers: str = ""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A board as it lies on disk. `blobs` is path → blob of every task file; done tasks are kept by name alone."""

    tip: str
    blobs: dict[str, str]
    tasks: dict[str, Task]
    folders: dict[str, str]
    problems: list[Problem]
    gates: dict[str, Gate]
    coordination: Coordination
    signers: str = ""

    @property
    def board(self) -> Board:
        """The tasks together."""
        return Board(tasks=self.tasks, folders=self.folders, gates=self.gates)


class Mirror:
    """A bare repository on this host that holds one tip of each branch that was asked for."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url
        self._boards: dict[str, Stored] = {}

    def board(self, tip: str) -> Stored | None:
        """The board of a tip when this host has read it; no network."""
        if tip not in self._boards:
            try:
                self._boards[tip] = msgspec.json.decode(self._file(tip).read_bytes(), type=Stored)
            except (OSError, msgspec.DecodeError):
                return None
        return self._boards[tip]

    def sync(self, branch: str, tip: str) -> Stored:
        """The board of a branch's tip, or of a later one: fetched once for all processes of this host.

        Raises: GitUnreachable, GitFailed.
        """
        with locked(self.path.with_suffix(".lock")):
            found = self.board(tip)
            if found is None:
                tip = self.fetch(branch)
                found = self.board(tip) or self._read(tip)
                self._boards = {tip: found}
        return found

    def fetch(self, branch: str) -> str:
        """Brings the latest commit of a branch, without history and as far as the remote can without other files."""
        self._open()
        words = ["--quiet", "--no-tags", "--depth=1", "--filter=blob:none", *self._served()]
        gitrun.git("fetch", *words, "origin", f"+refs/heads/{branch}:refs/heads/{branch}", git_dir=self.path)
        return gitrun.git("rev-parse", f"refs/heads/{branch}", git_dir=self.path).decode().strip()

    def commits(self, oids: Iterable[str]) -> dict[str, str]:
        """Messages of commits by id; those that the remote has dropped are left out."""
        wanted = list(dict.fromkeys(oids))
        if not wanted:
            return {}
        self._open()
        here = self._present(wanted)
        missing = [oid for oid in wanted if oid not in here]
        words = ["--quiet", "--no-tags", "--depth=1", *self._served()]
        for start in range(0, len(missing), 500):
            part = missing[start : start + 500]
            if gitrun.run("fetch", *words, "origin", *part, git_dir=self.path).returncode and len(part) > 1:
                for oid in part:  # one that is gone spoils the others
                    gitrun.run("fetch", *words, "origin", oid, git_dir=self.path)
        here = self._present(wanted)
        found = self._contents([oid for oid in wanted if oid in here])
        return {oid: data.decode(errors="replace").partition("\n\n")[2] for oid, data in found.items()}

    def _open(self) -> None:
        if (self.path / "HEAD").exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        gitrun.git("init", "--bare", "--quiet", "--", str(self.path))
        for name, value in (
            ("remote.origin.url", str(channels.local_path(self.url) or self.url)),
            ("remote.origin.promisor", "true"),
            ("remote.origin.partialclonefilter", "blob:none"),
        ):
            gitrun.git("config", name, value, git_dir=self.path)

    def _served(self) -> list[str]:
        return channels.as_owner(self.url, "upload-pack")

    def _file(self, tip: str) -> Path:
        return self.path.with_name("boards") / f"{tip}.json"

    def _read(self, tip: str) -> Stored:
        blobs = self.list(tip, layouts.ROOTS)
        files = {path: oid for path, oid in blobs.items() if layouts.place_of(path) or batches.project_of(path)}
        before = self.latest()
        same = {task.path for task in before.tasks.values()} if before else set()
        known = {path: oid for path, oid in (before.blobs if before else {}).items() if files.get(path) == oid}
        board = Board()
        needed = {}
        for path, oid in files.items():
            place = layouts.place_of(path)
            if place is not None and place.folder == layouts.COMPLETED and place.project:
                board.folders[f"{place.project}/{place.task}"] = layouts.COMPLETED
            elif path not in known or path not in same:
                needed[path] = oid
        texts = self.texts([*needed.values(), *(oid for path, oid in blobs.items() if path == layouts.CONFIG)])
        for task in before.tasks.values() if before else ():
            if task.path in known:
                board.keep(task)
        for path, oid in needed.items():
            _add(board, path, texts.get(oid))
        coordination = _coordination(texts.get(blobs.get(layouts.CONFIG, ""), b"") or b"")
        signers = blobs.get(coordination.allowed_signers)
        if signers is None and coordination.allowed_signers:
            signers = self.list(tip, [coordination.allowed_signers]).get(coordination.allowed_signers)
        stored = Stored(
            tip=tip,
            blobs=files,
            tasks=board.tasks,
            folders=board.folders,
            problems=board.problems,
            gates=board.gates,
            coordination=coordination,
            signers=(self.texts([signers]).get(signers) or b"").decode(errors="replace") if signers else "",
        )
        replace(self._file(tip), msgspec.json.encode(stored))
        replace(self.path.with_name("latest.json"), json.dumps(tip).encode())
        self._prune(tip)
        return stored

    def latest(self) -> Stored | None:
        """The board that this host read last."""
        try:
            return self.board(str(json.loads(self.path.with_name("latest.json").read_bytes())))
        except (OSError, ValueError):
            return None

    def _prune(self, tip: str) -> None:
        boards = sorted(self._file(tip).parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in boards[:-KEPT]:
            path.unlink(missing_ok=True)

    def list(self, tip: str, roots: Sequence[str]) -> dict[str, str]:
        """Path → blob of every file below some roots."""
        out = gitrun.git("ls-tree", "-r", "-z", "--full-tree", tip, "--", *roots, git_dir=self.path)
        rows = (row.split(b"\t", 1) for row in out.split(b"\0") if row)
        return {path.decode(errors="replace"): head.split()[2].decode() for head, path in rows}

    def texts(self, oids: Sequence[str]) -> dict[str, bytes]:
        """Files by blob; those that are not here yet come in one fetch, and those that do not come are left out."""
        if not oids:
            return {}
        here = self._present(oids, "--objects", "--missing=print")
        missing = [oid for oid in oids if oid not in here]
        if missing:
            words = ["--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none", "--stdin", *self._served()]
            listed = "".join(f"{oid}\n" for oid in missing).encode()
            quick = ("-c", "fetch.negotiationAlgorithm=noop")
            gitrun.git(*quick, "fetch", *words, "origin", git_dir=self.path, stdin=listed)
        return self._contents(oids)

    def _present(self, oids: Sequence[str], *more: str) -> set[str]:
        """Which objects are here; the remote is not asked."""
        listed = "".join(f"{oid}\n" for oid in oids).encode()
        words = ["--no-walk", "--ignore-missing", *more, "--stdin"]
        out = gitrun.git("rev-list", *words, git_dir=self.path, stdin=listed)
        return {line.split()[0].decode() for line in out.splitlines() if line and not line.startswith(b"?")}

    def _contents(self, oids: Sequence[str]) -> dict[str, bytes]:
        listed = "".join(f"{oid}\n" for oid in oids).encode()
        out = gitrun.git("cat-file", "--batch", git_dir=self.path, stdin=listed)
        found: dict[str, bytes] = {}
        at = 0
        for oid in oids:
            end = out.index(b"\n", at)
            words = out[at:end].split()
            at = end + 1
            if len(words) == 3:
                found[oid] = out[at : at + int(words[2])]
                at += int(words[2]) + 1
        return found


def _add(board: Board, path: str, data: bytes | None) -> None:
    try:
        if data is None:
            raise TaskInvalid("the remote does not give this file", path=path, line=1)
        if len(data) > LARGEST:
            raise TaskInvalid("the file is too large for a task", path=path, line=1)
        board.add(path, data.decode())
    except UnicodeDecodeError:
        board.fault(TaskInvalid("this is no text in UTF-8", path=path, line=1))
    except TaskInvalid as error:
        board.fault(error)


def _coordination(data: bytes) -> Coordination:
    if not data:
        return Coordination()
    document = toon.loads(data.decode(errors="replace"), layouts.CONFIG)
    try:
        return msgspec.convert(document.value.get("coordination") or {}, Coordination)
    except msgspec.ValidationError as error:
        raise TaskInvalid(str(error), path=layouts.CONFIG, line=document.line("coordination")) from None
