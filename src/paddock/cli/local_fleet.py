"""A control plane and agents on this machine, each a process of its own: started, kept running, stopped."""

import fcntl
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from paddock.cli.api import Api
from paddock.cli.credentials import Credentials
from paddock.core.errors import BadInput, PaddockError
from paddock.core.schedule import backoff

# Seconds for the control plane to serve, and for what is told to stop to be gone.
START, STOP = 60.0, 15.0
# Seconds after which a process that ended counts as having run well.
STEADY = 30.0
MAX_PAUSE_MS = 30_000
# So many agents start at once, the others one by one with so many seconds between, for starting is what costs most.
AT_ONCE, STAGGER = 4, 0.15
# Endings that a new start cannot mend: bad input, refused, stopped for good.
_FINAL_CODES = (2, 4, 78)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What runs. `agent_words` are more flags for every agent."""

    home: Path
    host: str
    port: int
    agents: int
    beat_seconds: float
    lease_seconds: float = 0.0
    drain_seconds: float = 10.0
    agent_words: tuple[str, ...] = ()
    # "people" when people log in.
    auth: str = "local"

    @property
    def server(self) -> str:
        return f"http://{self.host}:{self.port}"

    def state(self, agent: str) -> Path:
        """An agent's own directory."""
        return self.home / "agents" / agent


class Part:
    """One process of the fleet and how it fares."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.ends = 0
        self.started = 0.0
        # When it may start again; None once nothing can mend it.
        self.due: float | None = 0.0

    def start(self, words: list[str], env: dict[str, str], *descriptors: int) -> None:
        """Starts it; its stdout and stderr go to its log."""
        argv = [sys.executable, "-m", "paddock.cli.main", *words]
        # Whatever becomes of this process, nothing it started outlives it.
        setpriv = shutil.which("setpriv")
        argv = [setpriv, "--pdeathsig", "TERM", *argv] if setpriv else argv
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **env},
                pass_fds=descriptors,
                start_new_session=True,
            )
        self.started = time.monotonic()

    def last_words(self) -> str:
        """The last line of its log."""
        try:
            lines = self.log.read_bytes()[-4_096:].decode(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.removeprefix("paddock: ") for line in reversed(lines) if line.strip()), "")

    def ended(self) -> int | None:
        """The exit code of a process that has ended and was not looked at since."""
        code = self.process.poll() if self.process else None
        if code is not None:
            self.process = None
        return code


class LocalFleet:
    """Used as a context: what was started is stopped when it is left, whatever happens."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.api = Api(plan.server, credentials=Credentials(plan.server, plan.home))
        self._say = say
        logs = plan.home / "processes"
        self._control = Part("control plane", logs / "control.log")
        self._agents = [Part(f"agent-{at + 1}", logs / f"agent-{at + 1}.log") for at in range(plan.agents)]
        self._lock = -1

    def __enter__(self) -> "LocalFleet":
        try:
            self._lock = _lock(self.plan.home)
            self._start_control()
            for number, agent in enumerate(self._agents):
                if number >= AT_ONCE:
                    time.sleep(STAGGER)
                self._start_agent(agent)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def tend(self) -> None:
        """Starts again what has ended, later each time it ends soon."""
        for part in (self._control, *self._agents):
            code = part.ended()
            if code is not None:
                self._plan_restart(part, code)
            if part.process is None and part.due is not None and time.monotonic() >= part.due:
                self._restart(part)

    def given_up(self) -> bool:
        """Whether no agent runs or will run again, or there is no control plane."""
        hopeless = [part for part in self._agents if part.process is None and part.due is None]
        return len(hopeless) == len(self._agents) > 0 or self._control.due is None

    def logs(self) -> Path:
        """Where the processes' own words are kept."""
        return self._control.log.parent

    def _plan_restart(self, part: Part, code: int) -> None:
        ran = time.monotonic() - part.started
        part.ends = 1 if ran > STEADY else part.ends + 1
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        said = part.last_words()
        if code in _FINAL_CODES:
            part.due = None
            self._say(f"{part.name} {how} and stays down: {said} (log: {part.log})")
            return
        pause = 0.0 if part.ends == 1 else backoff(part.ends, random.random(), cap_ms=MAX_PAUSE_MS) / 1_000
        part.due = time.monotonic() + pause
        self._say(f"{part.name} {how}{f': {said}' if said else ''}; starting it again")

    def _restart(self, part: Part) -> None:
        if part is self._control:
            part.start(self._control_words(), {})
            return
        try:
            self._start_agent(part)
        except PaddockError as error:
            part.due = time.monotonic() + 1.0
            self._say(f"{part.name} cannot start yet: {error.message}")

    def _control_words(self) -> list[str]:
        plan = self.plan
        words = ["serve", "--home", str(plan.home), "--host", plan.host, "--port", str(plan.port)]
        return [*words, "--auth", plan.auth, "--beat", f"{plan.beat_seconds:g}", "--lease", f"{plan.lease_seconds:g}"]

    def _start_control(self) -> None:
        reading, writing = os.pipe()
        try:
            try:
                self._control.start([*self._control_words(), "--ready-fd", str(writing)], {}, writing)
            finally:
                os.close(writing)
            told = bool(select.select([reading], [], [], START)[0]) and bool(os.read(reading, 16))
        finally:
            os.close(reading)
        if told:
            return
        process = self._control.process
        code = process.wait(STOP) if process else 1
        said = self._control.last_words() or f"it ended with {code}"
        if code in _FINAL_CODES:
            raise BadInput(said)
        raise PaddockError(f"the control plane did not start: {said}", hint=f"log: {self._control.log}")

    def _start_agent(self, part: Part) -> None:
        state = self.plan.state(part.name)
        words = ["run", "--home", str(self.plan.home), "--server", self.plan.server, "--name", part.name]
        words += ["--state", str(state), "--work", str(self.plan.home / "work")]
        words += ["--drain", f"{self.plan.drain_seconds:g}", *self.plan.agent_words]
        # By the environment, never argv: a process list shows argv to everyone.
        token = "" if (state / "agent.json").exists() else self.api.post("/v1/tokens", {"label": part.name})["token"]
        part.start(words, {"PADDOCK_TOKEN": token})

    def stop(self) -> None:
        """Ends the agents, which hand back what they hold, then the control plane; returns when all are gone."""
        before = [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)]
        try:
            _end(self._agents, self.plan.drain_seconds + STOP)
            _end([self._control], STOP)
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1
        finally:
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
                signal.signal(number, handler)


def _end(parts: list[Part], patience: float) -> None:
    running = [part.process for part in parts if part.process is not None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + patience
    for process in running:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    for part in parts:
        part.process = None


def _lock(home: Path) -> int:
    """Takes the home for one fleet; the descriptor holds it.

    Raises: BadInput when another holds it or the home cannot be used.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(home / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BadInput(f"{home} cannot be used: {error.strerror}", hint="choose another with --home") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(handle, 32, 0).decode(errors="replace").strip()
        os.close(handle)
        raise BadInput(f"a fleet runs on {home} already (process {owner})", hint="choose another with --home") from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle
