"""What this host keeps for one remote: a mirror of its tasks, the tokens of its claims, the log of what happened."""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from paddock.gitnative.locks import locked
from paddock.gitnative.records import Record


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A claim that was made from here. `tokens` are the commits that our writes have put there, or may have."""

    record: Record
    tokens: tuple[str, ...]


class Home:
    """The folder of one remote on this host."""

    def __init__(self, root: Path, url: str) -> None:
        self.path = root / "git" / hashlib.sha256(url.encode()).hexdigest()[:20]
        self.mirror = self.path / "mirror.git"
        self.events = self.path / "events.jsonl"
        self.places = self.path / "places"
        self.places.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)

    @property
    def many(self) -> bool:
        """Whether the remote had many refs when all of them were seen last."""
        return (self.path / "many").exists()

    @many.setter
    def many(self, found: bool) -> None:
        if found != self.many:
            (self.path / "many").touch() if found else (self.path / "many").unlink(missing_ok=True)

    def branches(self) -> dict[str, str]:
        """Project → coordination branch, as it was found last."""
        try:
            return msgspec.json.decode((self.path / "branches.json").read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError):
            return {}

    def keep_branches(self, found: dict[str, str]) -> None:
        """Notes which project has which coordination branch."""
        replace(self.path / "branches.json", msgspec.json.encode(found))

    def held(self, key: str, agent: str) -> Held | None:
        """The claim that an agent made from here, if it is known."""
        try:
            return msgspec.json.decode(self._held(key, agent).read_bytes(), type=Held)
        except (OSError, msgspec.DecodeError):
            return None

    def all_held(self, agent: str) -> list[Held]:
        """Every claim that an agent made from here and has not ended."""
        found = []
        for path in sorted((self.path / "held").glob(f"*/*/{agent}.json")):
            with contextlib.suppress(OSError, msgspec.DecodeError):
                found.append(msgspec.json.decode(path.read_bytes(), type=Held))
        return found

    def hold(self, held: Held) -> None:
        """Notes a claim, before it is asked for: whoever dies in between finds it again."""
        replace(self._held(held.record.key, held.record.agent), msgspec.json.encode(held), durable=False)

    @contextlib.contextmanager
    def alone(self, key: str, agent: str) -> Iterator[None]:
        """Keeps other processes of this agent from writing to the same task meanwhile."""
        path = self._held(key, agent).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
            yield

    def drop(self, key: str, agent: str) -> None:
        """Forgets a claim."""
        self._held(key, agent).unlink(missing_ok=True)

    def _held(self, key: str, agent: str) -> Path:
        return self.path / "held" / key / f"{agent}.json"

    @contextlib.contextmanager
    def notes(self, name: str) -> Iterator[dict[str, object]]:
        """A small JSON mapping that is read, changed, and written when it was, under a lock."""
        path = self.path / f"{name}.json"
        with locked(self.path / f"{name}.lock"):
            try:
                found = json.loads(path.read_bytes())
            except (OSError, ValueError):
                found = {}
            before = json.dumps(found)
            yield found
            after = json.dumps(found)
            if after != before:
                replace(path, after.encode())


def replace(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Writes a file so that a kill leaves the old one or the new one; when durable, a power cut too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with scratch.open("wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    scratch.rename(path)
