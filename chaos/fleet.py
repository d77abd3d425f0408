"""The fleet in the storm: PostgreSQL, Redis, replicas in namespaces of their own, agents behind a balancer."""

import contextlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import paddock
from chaos.asking import Ask
from chaos.balancer import Balancer
from chaos.network import Network
from chaos.place import Place
from chaos.process import Process
from chaos.words import Trouble, say
from paddock.client import ClientError
from support.programs import NoServer
from support.repos import make_repo
from support.services import Postgres, Redis

# Seconds between beats and seconds of a lease: short enough that leases run out within a storm.
BEAT_S, LEASE_S = 2.0, 10.0
SLOTS = 4
PROJECT = "storm"
# Where jobs in boxes find the client of Paddock.
SOURCE = Path(paddock.__file__).parents[1]
_PORT, _STORE_PORT, _BUS_PORT = 8420, 5432, 6379
_START_S = 60.0


class Fleet:
    """Used as a context; what was started is gone when it is left. `logs` is a folder for what its processes say."""

    def __init__(self, place: Place, replicas: int, agents: int, logs: Path | None) -> None:
        self._place = place
        self._stack = ExitStack()
        self._logs = logs or place.folder("logs")
        self.keys = place.path / "keys"
        self.network = Network(place.run, replicas)
        self.store: Postgres
        self.bus: Redis
        self.balancer: Balancer
        self.replicas: list[Process] = []
        # The session that an agent had when it was killed: one that is still listed as online with it is not back.
        self._ended: dict[int, str] = {}
        self.agents = [Process(f"agent {at + 1}", self._logs / f"agent-{at + 1}.log") for at in range(agents)]

    def __enter__(self) -> "Fleet":
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        enter = self._stack.enter_context
        network = enter(self.network)
        say(f"the network stands: {network.count} namespaces on the bridge {network.bridge}, {network.subnet}")
        # Made before they start: a cluster says itself who may come from where.
        self.store = Postgres(durable=True, listen=network.store, port=_STORE_PORT)
        access = self.store.folder / "data" / "pg_hba.conf"
        access.write_text(f"{access.read_text()}host all all {network.subnet} trust\n")
        enter(self.store)
        self.bus = enter(Redis(listen=network.bus, port=_BUS_PORT))
        say("PostgreSQL and Redis answer")
        self.balancer = enter(Balancer([partial(network.socket, at) for at in range(network.count)], _PORT))
        for number in range(network.count):
            log = self._logs / f"replica-{number + 1}.log"
            replica = Process(f"replica {number + 1}", log, partial(network.inside, number))
            self._stack.callback(replica.end)
            self.replicas.append(replica)
            self.start_replica(number)
            if not number:  # it makes the tables and the keys
                self._until(partial(self.answers, number), replica)
        for number, replica in enumerate(self.replicas):
            self._until(partial(self.answers, number), replica)
            say(f"{replica.name} answers")
        say(f"a balancer in front of them at {self.balancer.url}")
        repo = make_repo(self._place.folder("project"), 1, bare=True)
        body = {"name": PROJECT, "repo": str(repo.path), "branch": "main", "checks": []}
        self.ask().post("/v1/projects", body)
        for number, agent in enumerate(self.agents):
            self._stack.callback(agent.end)
            self.start_agent(number)
        self._until(self.all_online, *self.agents)
        say(f"{len(self.agents)} agents are online, {SLOTS} slots each")

    def start_replica(self, number: int) -> None:
        """Starts a replica; it answers later."""
        words = ["serve", "--home", str(self._place.path / f"home-{number}"), "--port", str(_PORT)]
        words += ["--bus", f"redis://{self.network.bus}:{_BUS_PORT}/0", "--keys", str(self.keys)]
        words += ["--beat", f"{BEAT_S:g}", "--lease", f"{LEASE_S:g}"]
        self.replicas[number].start(words, {"PADDOCK_STORE": self.store.dsn(host=self.network.store)})

    def start_agent(self, number: int) -> None:
        """Starts an agent, for the first time with a token; it is online later."""
        state = self._state(number)
        known = (state / "agent.json").exists()
        token = "" if known else str(self.ask().post("/v1/tokens", {"label": f"agent-{number + 1}"})["token"])
        words = ["run", "--name", f"agent-{number + 1}", "--server", self.balancer.url, "--slots", str(SLOTS)]
        words += ["--state", str(state), "--home", str(self._place.path / "home")]
        words += ["--work", str(self._place.folder("work")), "--tools", str(SOURCE), "--drain", "1"]
        self.agents[number].start([*words, "--log-level", "info"], {"PADDOCK_TOKEN": token})

    def _state(self, number: int) -> Path:
        return self._place.path / f"agent-{number}"

    def witnesses(self) -> list[Path]:
        """What agents were told of the journal's chain, for those that were."""
        files = [self._state(number) / "witness.json" for number in range(len(self.agents))]
        return [path for path in files if path.exists()]

    def start_server(self, server: Postgres | Redis) -> None:
        """Starts a server; one that was killed may need a moment until what it left is gone. Raises: NoServer."""
        deadline = time.monotonic() + _START_S
        while True:
            try:
                server.start()
                return
            except NoServer:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def ask(self, number: int | None = None, *, timeout: float = 5.0, patience: float = 30.0) -> Ask:
        """The control plane: any replica through the balancer, or one by its door."""
        door = self.balancer.url if number is None else self.balancer.doors[number]
        return Ask(door, timeout=timeout, patience=patience)

    def health(self, number: int) -> dict[str, Any]:
        """What a replica says of itself; empty when it says nothing, or that it is not well."""
        with contextlib.suppress(ClientError):
            found: dict[str, Any] = self.ask(number, timeout=1.0, patience=0.0).get("/v1/health")
            return found
        return {}

    def answers(self, number: int) -> bool:
        """Whether a replica answers and can reach the store."""
        return bool(self.health(number).get("ok"))

    def apart(self) -> str:
        """The replicas that do not hear of all others, and why; one that came anew is counted twice for a minute."""
        count = len(self.replicas)
        told = []
        for number, replica in enumerate(self.replicas):
            found = self.health(number)
            if found.get("bus") != "connected" or found["replicas"] < count:
                why = f"bus {found['bus']}, {found['replicas']} of {count} replicas heard" if found else "not well"
                told.append(f"{replica.name}: {why}")
        return "; ".join(told)

    def session(self, number: int) -> str:
        """The session of an agent that is online; empty when it is not."""
        with contextlib.suppress(ClientError):
            found = self.ask(patience=0.0).get("/v1/agents")
            return next((str(a["session"]) for a in found if a["name"] == f"agent-{number + 1}" and a["online"]), "")
        return ""

    def kill_agent(self, number: int) -> None:
        """Ends an agent as a power cut does, with whatever it runs."""
        self._ended[number] = self.session(number)
        self.agents[number].kill()

    def all_online(self) -> bool:
        """Whether every agent is there, and none of them with the session that was killed."""
        return all(self.session(at) not in ("", self._ended.get(at)) for at in range(len(self.agents)))

    def check(self) -> None:
        """Raises: Trouble when a process has ended that nobody here has ended."""
        for process in (*self.replicas, *self.agents):
            process.check()

    def _until(self, ready: Callable[[], bool], *processes: Process) -> None:
        deadline = time.monotonic() + _START_S
        while not ready():
            for process in processes:
                process.check()
            if time.monotonic() > deadline:
                said = "; ".join(f"{process.name}: {process.last_words()}" for process in processes)
                raise Trouble(f"not ready after {_START_S:.0f} s: {said}")
            time.sleep(0.1)
