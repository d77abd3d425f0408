"""A real control plane and real agents, each a process of its own, started as the command line starts them."""

import http.client
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.load import request
from bench.place import Place, free_port, on_core
from paddock.cli.local_fleet import Part

START_S, STOP_S, ACTIVE_S = 40.0, 15.0, 30.0


class Fleet:
    """One control plane; agents are added to it."""

    def __init__(self, place: Place, name: str, core: int, beat_s: float, store: str) -> None:
        self.home = place.path / name
        self.port = free_port()
        self.server = f"http://127.0.0.1:{self.port}"
        self._work = place.folder(f"{name}-work")
        self._core = core
        self._beat_s = beat_s
        self._store = store
        self._control = Part("control", self.home / "processes" / "control.log")
        self._agents: list[Part] = []
        self._link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def start(self) -> None:
        """Starts the control plane and waits until it serves. Raises: RuntimeError with its last words."""
        words = ["serve", "--home", str(self.home), "--port", str(self.port), "--beat", f"{self._beat_s:g}"]
        if self._store:
            words += ["--keys", str(self.home.parent / "keys")]
        reading, writing = os.pipe()
        try:
            with on_core(self._core):
                self._control.start([*words, "--ready-fd", str(writing)], {"PADDOCK_STORE": self._store}, writing)
            os.close(writing)
            told = select.select([reading], [], [], START_S)[0] and os.read(reading, 16)
        finally:
            os.close(reading)
        if not told:
            raise RuntimeError(f"the control plane did not start: {self._control.last_words()}")

    def add_agent(self, core: int, *words: str) -> Path:
        """Starts an agent, waits until it is online, and returns its state directory."""
        name = f"agent-{len(self._agents) + 1}"
        state = self.home / "agents" / name
        part = Part(name, self.home / "processes" / f"{name}.log")
        token = self.post("/v1/tokens", {"label": name})["token"]
        run = ["run", "--home", str(self.home), "--server", self.server, "--name", name, "--state", str(state)]
        with on_core(core):
            part.start([*run, "--work", str(self._work), "--drain", "1", *words], {"PADDOCK_TOKEN": token})
        self._agents.append(part)
        deadline = time.monotonic() + ACTIVE_S
        while not any(agent["name"] == name and agent["online"] for agent in self.get("/v1/agents")):
            if part.ended() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not come up: {part.last_words()}")
            time.sleep(0.05)
        return state

    def add_project(self) -> None:
        """Registers a project called `bench`; its repository is never asked for."""
        self.post("/v1/projects", {"name": "bench", "repo": "/nowhere", "branch": "main", "checks": []})

    @property
    def pid(self) -> int:
        """The control plane's process."""
        assert self._control.process is not None
        return self._control.process.pid

    @property
    def agent_pids(self) -> list[int]:
        """The agents' processes."""
        return [part.process.pid for part in self._agents if part.process is not None]

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        return json.loads(self._ask("GET", path, None))

    def post(self, path: str, body: object) -> Any:
        """The JSON that comes back for a JSON body."""
        return json.loads(self._ask("POST", path, json.dumps(body).encode()))

    def metric(self, name: str) -> float:
        """A figure without labels of the control plane's own."""
        self._link.close()  # between two looks the control plane may let go of it
        lines = self._ask("GET", "/metrics", None).decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        if self._link.sock is None:
            self._link.connect()
        # One write, so that the request is one packet; http.client sends the body by itself.
        self._link.sock.sendall(request(method, path, self.port, body or b""))
        answer = http.client.HTTPResponse(self._link.sock, method=method)
        answer.begin()
        raw = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path} answers {answer.status}: {raw[:300]!r}")
        return raw

    def stop(self) -> None:
        """Ends the agents, then the control plane."""
        self._link.close()
        for parts in (self._agents, [self._control]):
            running = [part.process for part in parts if part.process is not None]
            for process in running:
                process.terminate()
            for process in running:
                _bury(process)


def _bury(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(place: Place, name: str, core: int, *, beat_s: float = 60.0, store: str = "") -> Iterator[Fleet]:
    """A fleet whose control plane serves, on one core; stopped on the way out.

    With the address of a `store`, it is one of several on that.
    """
    fleet = Fleet(place, name, core, beat_s, store)
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.stop()
