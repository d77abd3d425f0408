"""A real fleet in three lines: a control plane's process, agents' processes, a git repository.

with Fleet(folder) as fleet:
    fleet.agent("a1")
    job = fleet.run(["sh", "-c", "echo hello > note.txt"])
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from paddock.cli.api import Api
from support.places import free_port
from support.repos import Repo, make_repo
from support.wait import wait_until

PADDOCK = [sys.executable, "-m", "paddock.cli.main"]
PATIENCE = 90.0
ENDED = ("done", "failed", "refused", "parked", "cancelled")


class Process:
    """One process of the fleet, in a group of its own."""

    def __init__(self, name: str, argv: Sequence[str], log: Path, env: dict[str, str], *keep: int) -> None:
        self.name = name
        self.log = log
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PADDOCK_")}
        with log.open("ab") as out:
            self.popen = subprocess.Popen(
                [*PADDOCK, *argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**clean, **env},
                pass_fds=keep,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the process alone."""
        self.popen.send_signal(number)

    def kill(self) -> None:
        """Ends it as a power cut does."""
        self.popen.kill()
        self.popen.wait(PATIENCE)

    def stop(self) -> int:
        """Asks it to end and returns its exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.terminate()
        return self.popen.wait(PATIENCE)


class Fleet:
    """Used as a context; whatever still runs when it is left is stopped. `beat` and `lease` are seconds."""

    def __init__(self, folder: Path, *, beat: float = 0.3, lease: float = 1.2) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.work = folder / "work"
        self.beat, self.lease = beat, lease
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = Api(self.url)
        self.control: Process | None = None
        self.agents: dict[str, Process] = {}
        self._servers: dict[str, str] = {}
        self.repo: Repo

    def __enter__(self) -> "Fleet":
        self.work.mkdir()
        self.work.chmod(0o711)
        self.repo = make_repo(self.folder / "project", 1, bare=True, files={"README.md": "# A\n", "src/app.py": "a\n"})
        try:
            self.start_control()
            self.project("shop", self.repo.path)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in [*self.agents.values(), *([self.control] if self.control else [])]:
            if process.popen.poll() is None:
                process.kill()

    def start_control(self, *more: str) -> None:
        """Starts the control plane and returns once it serves; `more` are further words of `paddock serve`."""
        reading, writing = os.pipe()
        words = ["serve", "--home", str(self.home), "--port", str(self.port), "--ready-fd", str(writing)]
        words += ["--beat", str(self.beat), "--lease", str(self.lease), *more]
        try:
            self.control = Process("control", words, self.folder / "control.log", {}, writing)
            os.close(writing)
            ready = select.select([reading], [], [], PATIENCE)[0] and os.read(reading, 16)
        finally:
            os.close(reading)
        assert ready, self.control.log.read_text()

    def agent(
        self, name: str, *, slots: int = 1, server: str = "", drain: float = 0.0, more: Sequence[str] = ()
    ) -> Process:
        """Starts an agent, or starts it again at the same server; returns once the control plane sees its session."""
        state = self.folder / f"agent-{name}"
        before = self._session(name)
        known = (state / "agent.json").exists()
        token = "" if known else self.api.post("/v1/tokens", {"label": name})["token"]
        words = ["run", "--name", name, "--state", str(state), "--work", str(self.work), "--home", str(self.home)]
        self._servers[name] = server or self._servers.get(name, self.url)
        words += ["--server", self._servers[name], "--slots", str(slots), "--drain", str(drain), *more]
        self.agents[name] = Process(name, words, self.folder / f"{name}.log", {"PADDOCK_TOKEN": token})
        wait_until(lambda: self._session(name) != before, PATIENCE, what=f"{name} is there")
        return self.agents[name]

    def _session(self, name: str) -> str:
        return next((str(a["session"]) for a in self.api.get("/v1/agents") if a["name"] == name), "")

    def project(self, name: str, repo: Path, checks: Sequence[Sequence[str]] = ()) -> None:
        """Registers a repository."""
        body = {"name": name, "repo": str(repo), "branch": "main", "checks": [list(argv) for argv in checks]}
        self.api.post("/v1/projects", body)

    def submit(self, *jobs: dict[str, Any], project: str = "shop", **more: Any) -> dict[str, str]:
        """Submits a batch; its jobs' ids by name."""
        answer = self.api.post("/v1/jobs", {"project": project, "jobs": list(jobs), **more})
        return {job["name"]: job["id"] for job in answer["jobs"]}

    def run(self, argv: Sequence[str], id: str = "one", project: str = "shop", **more: Any) -> str:
        """Submits one command; its id."""
        return self.submit({"id": id, "payload": {"argv": list(argv)}, **more}, project=project)[id]

    def job(self, ref: str) -> dict[str, Any]:
        """Everything about a job."""
        found: dict[str, Any] = self.api.get(f"/v1/jobs/{ref}")
        return found

    def until(self, ref: str, *states: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The job once it is in one of these states (default: ended or in review)."""
        wanted = states or (*ENDED, "in_review")
        deadline = wait_until(lambda: (j := self.job(ref))["state"] in wanted and j, seconds, what=f"{ref}: {wanted}")
        assert isinstance(deadline, dict)
        return deadline

    def log(self, ref: str, **query: object) -> bytes:
        """What a run printed, as far as it is known."""
        return self.api.raw(f"/v1/jobs/{ref}/log", **query)[0]

    def printed(self, ref: str, words: bytes, seconds: float = PATIENCE) -> None:
        """Waits until a run has printed these words."""
        wait_until(lambda: words in self.log(ref), seconds, what=f"{ref} prints {words!r}")

    def approve(self, ref: str) -> None:
        """A person approves the change of a job."""
        self.api.post(f"/v1/changes/{ref}/approve", {"by": "ann"})

    def events(self, ref: str) -> list[str]:
        """The types of a job's journal, in order."""
        return [event["type"] for event in self.job(ref)["journal"]]

    def cli(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The command line as a user types it, against this fleet."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("PADDOCK_")}
        env |= {"PADDOCK_SERVER": self.url, "PADDOCK_HOME": str(self.home), "NO_COLOR": "1"}
        return subprocess.run(
            [*PADDOCK, *words], env=env, capture_output=True, text=True, timeout=PATIENCE, cwd=self.folder
        )


def alive_with(words: str) -> list[int]:
    """Processes whose command line holds these words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if words.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found
