"""Processes of Paddock, in the storm's hands."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from chaos.words import Trouble


class Process:
    """`paddock …`, ended with the thread that starts it, kill −9 included; that must be the main one.

    `wrap` is what its command is run by; it has to become it, so that the process is Paddock's own.
    """

    def __init__(self, name: str, log: Path, wrap: Callable[[list[str]], list[str]] = list) -> None:
        self.name = name
        self._log = log
        self._wrap = wrap
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self, words: Sequence[str], env: Mapping[str, str]) -> None:
        """Starts it; its words go to its log."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith("PADDOCK_")}
        argv = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "paddock.cli.main", *words]
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                self._wrap(argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**mine, **env},
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        """Sends a signal. Raises: Trouble when it has ended by itself, which nothing here makes it do."""
        self.check()
        if self._popen is not None:
            self._popen.send_signal(number)

    def check(self) -> None:
        """Raises: Trouble when it has ended by itself."""
        if self._popen is not None and self._popen.poll() is not None:
            raise Trouble(f"{self.name} ended by itself with {self._popen.returncode}: {self.last_words()}")

    def kill(self) -> None:
        """Ends it as a power cut does."""
        self.send(signal.SIGKILL)
        self._bury()

    def end(self) -> None:
        """Ends it, if it still runs; what it leaves undone matters to nobody any more."""
        if self._popen is not None:
            self._popen.kill()
        self._bury()

    def _bury(self) -> None:
        if self._popen is not None:
            self._popen.wait()
            self._popen = None

    def last_words(self) -> str:
        """The last line of its log."""
        with contextlib.suppress(OSError):
            lines = self._log.read_bytes()[-4_096:].decode(errors="replace").splitlines()
            return next((line for line in reversed(lines) if line.strip()), "")
        return ""
