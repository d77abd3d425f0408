"""What the wizard does: redeems a token for this machine, starts the agent, and watches until it has beaten."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paddock.core.errors import BadInput, Conflict, PaddockError
from paddock.settings import Settings

STOP_S = 45.0
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class Wizard:
    """One set-up. `finished` is set once the page was told that the agent is live."""

    def __init__(self, settings: Settings, state: Path | None) -> None:
        self._settings = settings
        self._state = state
        self._lock = threading.Lock()
        self._agent: subprocess.Popen[bytes] | None = None
        self.name = settings.name
        self.server = settings.server
        self.place = state or settings.state
        self.finished = threading.Event()

    def offers(self) -> dict[str, Any]:
        """What the form begins with."""
        return {"server": self.server, "name": self.name}

    def begin(self, given: Any) -> dict[str, Any]:
        """Activates the agent and starts it. Raises: PaddockError, for the page to show."""
        server, name, token = (_text(given, field) for field in ("server", "name", "token"))
        if urlsplit(server).scheme not in ("http", "https") or not urlsplit(server).netloc:
            raise BadInput("the control plane's address begins with http:// or https://", where="server")
        if not set(name) <= _NAME or len(name) > 100 or name in (".", ".."):
            raise BadInput("a name has letters, digits, `.`, `_` and `-`", where="name")
        if not self._lock.acquire(blocking=False):
            raise Conflict("the wizard is at work already")
        try:
            if self._agent is not None and self._agent.poll() is None:
                raise Conflict("the agent runs already")
            self.server, self.name = server.rstrip("/"), name
            self.place = self._state or self._settings.home / "agents" / name
            found = self._activate(token)
            self._agent = self._start()
        finally:
            self._lock.release()
        return {"agent": found, "name": name}

    def _activate(self, token: str) -> str:
        from paddock.agent.fresh import clear
        from paddock.agent.identity import activate, lock_state

        held = lock_state(self.place)
        try:
            clear(self.place, anew=False)
            return asyncio.run(activate(self.place, self.server, self.name, token)).agent
        finally:
            os.close(held)

    def words(self) -> list[str]:
        """The verb and the flags that run this agent."""
        words = ["run", "--name", self.name, "--state", str(self.place), "--server", self.server]
        return [*words, "--home", str(self._settings.home), "--slots", str(self._settings.slots)]

    def again(self) -> str:
        """What a person types to run it another time."""
        return f"paddock run --name {self.name} --state {self.place} --server {self.server}"

    def _start(self) -> "subprocess.Popen[bytes]":
        argv = [sys.executable, "-m", "paddock.cli.main", *self.words(), "--work", str(self._settings.work)]
        # Whatever becomes of this process, the agent does not outlive it unseen.
        setpriv = shutil.which("setpriv")
        argv = [setpriv, "--pdeathsig", "TERM", *argv] if setpriv else argv
        env = {name: value for name, value in os.environ.items() if name != "PADDOCK_TOKEN"}
        with (self.place / "onboard.log").open("ab") as log:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)

    def progress(self) -> dict[str, Any]:
        """Where the set-up stands: `form`, `starting`, `live` or `failed`, and what to show."""
        if self._agent is None:
            return {"step": "form"}
        code = self._agent.poll()
        if code is not None:
            return {"step": "failed", "message": f"the agent ended with {code}: {self._last_words()}"}
        tree = self._status()
        if tree.get("pid") != self._agent.pid or not tree.get("last_beat"):
            return {"step": "starting"}
        shown = ("agent", "name", "version", "containment", "containment_reason", "server", "standing", "waits")
        return {"step": "live", **{name: tree.get(name) for name in shown}, "again": self.again()}

    def _status(self) -> dict[str, Any]:
        try:
            found = json.loads((self.place / "status.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _last_words(self) -> str:
        try:
            lines = (self.place / "onboard.log").read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return lines[-1].removeprefix("paddock: ")[:400] if lines else ""

    def wait(self) -> int:
        """The agent's exit code, once it has ended."""
        assert self._agent is not None
        return self._agent.wait()

    def stop(self) -> None:
        """Ends the agent, which hands back what it holds."""
        if self._agent is None or self._agent.poll() is not None:
            return
        self._agent.terminate()
        try:
            self._agent.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._agent.kill()
            self._agent.wait()


def _text(given: Any, field: str) -> str:
    found = given.get(field) if isinstance(given, dict) else None
    if not isinstance(found, str) or not found.strip() or len(found) > 1_000 or any(ord(c) < 32 for c in found.strip()):
        raise BadInput(f"{field} is missing", where=field)
    return found.strip()


def problem(error: PaddockError) -> dict[str, Any]:
    """An error as the page shows it."""
    return {"message": error.message, "hint": error.hint, "where": getattr(error, "where", "")}
