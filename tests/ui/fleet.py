"""A real control plane on a real port, and hands to make things happen in it without an agent's process."""

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import threading
import urllib.request
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from paddock.control.plane import Control
from paddock.control.submit import add_project, submit
from paddock.store.records import Agent, BeatIn, BeatOut, Granted, SessionStart
from paddock.web.app import create_app
from paddock.web.server import listen
from paddock.wire.messages import ChangeReport, FileChange, Held, Hello, Outcome
from support.places import free_port
from support.signers import signer_of

T = TypeVar("T")
PATIENCE = 60.0


@dataclass
class Hand:
    """An agent as the store knows it, with the number of its last beat and what it holds (job → epoch)."""

    agent: str
    session: str
    seq: int = 0
    held: dict[str, int] = field(default_factory=dict)


class House:
    """A control plane that serves from a thread of its own; every method may be called from the test's thread."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None
        self.control: Control

    def start(self) -> None:
        """Opens the store and serves."""
        up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(up),), daemon=True)
        self._thread.start()
        assert up.wait(PATIENCE), "the control plane did not start"

    async def _serve(self, up: threading.Event) -> None:
        self.control = await Control.open(self.home, signer=signer_of(self.home))
        sock = listen("127.0.0.1", self.port)
        config = uvicorn.Config(
            create_app(self.control), lifespan="off", log_level="warning", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        # The socket listens already: who connects now waits for the first turn of the loop.
        up.set()
        await self._server.serve(sockets=[sock])
        await self.control.close()
        sock.close()

    def stop(self) -> None:
        """Ends the control plane, as a restart begins."""
        assert self._server is not None and self._thread is not None
        # Watchers' streams end with the bus; the server would wait for them.
        self.do(self.control.bus.close())
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the control plane did not stop"
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine where the control plane runs."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def get(self, path: str) -> Any:
        """An answer of the API or of a twin."""
        with urllib.request.urlopen(self.url + path) as answer:
            return json.loads(answer.read())

    # Things that happen

    def project(self, name: str = "ledger", checks: list[list[str]] | None = None) -> None:
        raw = {"name": name, "repo": "/srv/git/ledger.git", "branch": "main", "checks": checks or []}
        self.do(add_project(self.control, raw))

    def submit(self, *jobs: dict[str, Any], project: str = "ledger") -> dict[str, str]:
        """Submits a batch; its jobs' ids by name."""
        filled = [{"payload": {"argv": ["python3", "fix.py"]}, **job} for job in jobs]
        made: Any = self.do(submit(self.control, {"project": project, "jobs": filled}))
        return {job["name"]: job["id"] for job in made["jobs"]}

    def join(self, name: str, *, slots: int = 4, version: str = "0.1.0", capabilities: tuple[str, ...] = ()) -> Hand:
        """An agent that is activated and has started."""
        return self.do(self._join(name, slots, version, capabilities))

    async def _join(self, name: str, slots: int, version: str, capabilities: tuple[str, ...]) -> Hand:
        now, token = self.control.clock.now(), secrets.token_hex(32)
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        await self.control.store.add_token(hashlib.sha256(token.encode()).hexdigest(), "ui", now, now + 60_000)
        agent: Agent = await self.control.store.redeem(hashlib.sha256(token.encode()).hexdigest(), key, name, now)
        kinds = ("command", "noop", "test.run", "review.run", "change.merge")
        hello = Hello(
            name=name, version=version, kinds=kinds, capabilities=capabilities, slots=slots, containment="contained"
        )
        hand = Hand(agent.id, f"s{secrets.token_hex(10)}")
        await self.control.store.start_session(SessionStart(agent=agent.id, session=hand.session, hello=hello, now=now))
        seen = self.control.fleet.put(await self.control.store.agent(agent.id))
        seen.last_seen, seen.interval = now, 60_000
        self.control.stir()
        return hand

    def beat(self, hand: Hand, *outcomes: Outcome, want: int = 0) -> tuple[Granted, ...]:
        """One beat's business: outcomes in, jobs out."""
        return self.do(self._beat(hand, outcomes, want)).granted

    async def _beat(self, hand: Hand, outcomes: tuple[Outcome, ...], want: int) -> BeatOut:
        hand.seq += 1
        for outcome in outcomes:
            hand.held.pop(outcome.job, None)
        given = BeatIn(
            agent=hand.agent,
            session=hand.session,
            seq=hand.seq,
            now=self.control.clock.now(),
            ttl=180_000,
            outcomes=outcomes,
            held=tuple(Held(job=job, epoch=epoch) for job, epoch in hand.held.items()),
            want=want,
            lanes=tuple(await self.control.store.lanes(self.control.clock.now())),
        )
        out = await self.control.store.beat(given)
        hand.held.update({job.id: job.epoch for job in out.granted})
        self.control.stir()
        return out

    def log(self, job: Granted, data: bytes, stream: str = "log") -> None:
        """More of what a run prints."""
        self.do(self._log(job, data, stream))

    async def _log(self, job: Granted, data: bytes, stream: str) -> None:
        logs = self.control.logs
        await logs.append(job.id, job.epoch, stream, await logs.size(job.id, job.epoch, stream), data)

    def outcome(self, job: Granted, status: str = "done", **more: Any) -> Outcome:
        """The end of a run that took two seconds."""
        now = self.control.clock.now()
        return Outcome(job=job.id, epoch=job.epoch, status=status, started=now - 2_000, ended=now, **more)

    def propose(self, hand: Hand, job: Granted, diff: str, paths: tuple[str, ...] = ("tally/money.py",)) -> str:
        """Ends a run with a change; the change's id."""
        self.log(job, diff.encode(errors="surrogateescape"), "diff")
        files = tuple(FileChange(path=path, added=2, removed=1) for path in paths)
        report = ChangeReport(branch=f"paddock/{job.id}", base="a" * 40, head="b" * 40, tree="c" * 40, files=files)
        self.beat(hand, self.outcome(job, change=report, wip="b" * 40))
        change = self.do(self.control.store.job(job.id)).change
        assert change is not None
        return change


@contextlib.contextmanager
def house(home: Path) -> Iterator[House]:
    """A served control plane for as long as the block lasts."""
    made = House(home, free_port())
    made.start()
    try:
        yield made
    finally:
        if made._thread is not None and made._thread.is_alive():
            made.stop()
