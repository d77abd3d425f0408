"""Several real control planes on one PostgreSQL, behind a balancer.

with Replicas(folder, store=dsn, bus=url, count=3) as fleet:
    fleet.agent("a1")
    fleet.kill_replica(0)
"""

import os
import select
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from paddock.cli.api import Api
from support.balancer import Balancer
from support.fleet import PADDOCK, PATIENCE, Fleet, Process
from support.places import free_port


class Replicas(Fleet):
    """A fleet whose control plane is several processes; `url` is the balancer's."""

    def __init__(
        self, folder: Path, *, store: str, bus: str = "", count: int = 2, beat: float = 0.3, lease: float = 3.0
    ) -> None:
        super().__init__(folder, beat=beat, lease=lease)
        self.store, self.bus = store, bus
        self.ports = [free_port() for _ in range(count)]
        self.replicas: dict[int, Process] = {}
        self._balancer = Balancer(self.ports)
        self.port = self._balancer.port
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = Api(self.url)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        for number in list(self.replicas):
            self.kill_replica(number)
        self._balancer.close()

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def start_control(self, *more: str) -> None:  # noqa: ARG002
        for number in range(len(self.ports)):
            self.start_replica(number)

    def words(self, number: int) -> list[str]:
        """How a replica is started."""
        words = ["serve", "--home", str(self.folder / f"home-{number}"), "--port", str(self.ports[number])]
        words += ["--beat", str(self.beat), "--lease", str(self.lease), "--keys", str(self.folder / "keys")]
        return [*words, *(["--bus", self.bus] if self.bus else [])]

    def start_replica(self, number: int) -> None:
        """Starts a replica and returns once it serves."""
        reading, writing = os.pipe()
        log = self.folder / f"replica-{number}.log"
        words = [*self.words(number), "--ready-fd", str(writing)]
        try:
            self.replicas[number] = Process(f"replica-{number}", words, log, {"PADDOCK_STORE": self.store}, writing)
            os.close(writing)
            ready = select.select([reading], [], [], PATIENCE)[0] and os.read(reading, 16)
        finally:
            os.close(reading)
        assert ready, log.read_text()

    def kill_replica(self, number: int) -> None:
        """Ends a replica as a power cut does."""
        self.replicas.pop(number).kill()

    def at(self, number: int) -> Api:
        """One replica's own address."""
        return Api(f"http://127.0.0.1:{self.ports[number]}")

    def refused(self, *more: str, store: str = "") -> str:
        """What one more replica says that does not start, for input that it cannot use."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("PADDOCK_")}
        words = [*PADDOCK, *self.words(0), "--port", str(free_port()), *more]
        env["PADDOCK_STORE"] = store or self.store
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 2, done
        assert done.stderr.startswith("paddock: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr


class Start(Protocol):
    """Starts replicas on the test's database."""

    def __call__(
        self, *, bus: str = "", count: int = 2, beat: float = 0.3, lease: float = 3.0, store: str = ""
    ) -> Replicas: ...
