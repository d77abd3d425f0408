"""An agent's process: comes up, beats, runs jobs, and goes down without losing any."""

import asyncio
import contextlib
import gc
import json
import logging
import os
import random
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from paddock import __version__
from paddock.agent import identity as identities
from paddock.agent.beating import Beats
from paddock.agent.capabilities import find
from paddock.agent.clock import Clock
from paddock.agent.config import AgentConfig
from paddock.agent.fingerprint import of_host
from paddock.agent.health import Health
from paddock.agent.http import Client
from paddock.agent.identity import Identity
from paddock.agent.intake import Gatekeeper
from paddock.agent.journal import Journal
from paddock.agent.licensing import FILE, Licensing
from paddock.agent.policy import LocalPolicy
from paddock.agent.quarantine import Post
from paddock.agent.report import LOG, LogFile
from paddock.agent.rolling import Rolling
from paddock.agent.sent import Replaced
from paddock.agent.slots import Slots
from paddock.agent.status import Status
from paddock.agent.tampering import of_bundle, of_state
from paddock.agent.trust import Trust
from paddock.agent.witness import Witness
from paddock.core.coding_agents import CAPABILITY
from paddock.core.errors import PaddockError, Unreachable
from paddock.core.ids import ENTROPY_BITS, make
from paddock.core.kinds import KINDS
from paddock.core.policy import Policy
from paddock.core.policy_scope import CODING
from paddock.runners import INSTANT, RUNNERS
from paddock.sandbox import Containment, measure, probe
from paddock.wire.envelope import Envelope
from paddock.wire.messages import Check, Hello, Outcome
from paddock.wire.signing import AGENT_HEADER
from paddock.workspace import recover

_log = logging.getLogger("paddock.agent")
SWEEP_S = 20.0
# Seconds between two canaries, and until the next one where boxes did not hold.
CANARY_S, AGAIN_S = 900.0, 60.0
ACTIVATION_TRIES = 60
# How long a process that ends goes on trying to tell what its last runs did; the outbox keeps what it could not.
LAST_WORDS_S = 5.0


def run(config: AgentConfig) -> int:
    """Runs an agent until SIGTERM or SIGINT; returns the exit code.

    Raises: StateInUse, NotActivated, Refused, Replaced.
    """
    handle = identities.lock_state(config.state)
    gc.freeze()  # what was loaded stays; collections need not walk it
    gc.set_threshold(10_000, 20, 50)
    try:
        return asyncio.run(_main(config))
    finally:
        os.close(handle)


async def _main(config: AgentConfig) -> int:
    identity = await _identity(config)
    contained = await asyncio.to_thread(probe, config.work)
    # Nobody else on this host holds the state directory. Who was replaced all the same shows once more what state he
    # has, the one in memory, which no copy can have: if the directory was copied, both are found out by that.
    rolling = Rolling(config.state / "rolling.json")
    with contextlib.suppress(Replaced):
        return await _session(Agent(config, identity, contained, rolling))
    return await _session(Agent(config, identities.load(config.state), contained, rolling))


async def _session(agent: "Agent") -> int:
    try:
        return await agent.live()
    finally:
        await agent.close()


async def _identity(config: AgentConfig) -> Identity:
    try:
        return identities.load(config.state)
    except identities.NotActivated:
        if not config.token:
            raise
    for left in reversed(range(ACTIVATION_TRIES)):
        try:
            return await identities.activate(config.state, config.server, config.name, config.token)
        except Unreachable:
            if not left:
                raise
            await asyncio.sleep(0.5 + random.random() / 2)
    raise Unreachable()


class Agent:
    """One session of an agent."""

    def __init__(self, config: AgentConfig, identity: Identity, contained: Containment, rolling: Rolling) -> None:
        self._config = config
        self._session = make("s", time.time_ns() // 1_000_000, secrets.randbits(ENTROPY_BITS))
        self._key = identities.agent_key(config.state)
        self._journal = Journal(config.state / "agent.db")
        self._status = Status(config.state / "status.json")
        self._client = Client(config.server)
        policy = LocalPolicy(config.policy, Policy(allow_degraded=config.allow_degraded))
        self._policy, self._contained = policy, contained
        kinds = self._kinds()
        self._found = find(config.tools, config.capabilities)
        self._offered = (contained.cls, kinds, self._capabilities())
        policy.on_change = lambda: asyncio.get_running_loop().call_soon(self._offer)
        self._suspect = asyncio.Event()
        self._health = Health(config.checks, config.check_s, config.check_timeout_s, self._feel)
        trust = Trust(config.state / "agent.json", identity, self._key)
        post = Post(config.state / "standing.json", trust, self._key.keyid)
        post.check()
        host = of_host(self._key)
        clock = Clock(self._journal.latest())
        licensing = Licensing(config.state / FILE, trust, self._key.keyid, clock, host)
        hello = Hello(
            name=config.name,
            version=__version__,
            kinds=kinds,
            capabilities=self._capabilities(),
            slots=config.slots,
            containment=contained.cls,
            pid=os.getpid(),
            labels=dict(config.labels),
            health=self._health.stands,
            standing=post.number,
            fingerprint=host,
            licensed=licensing.claims is not None,
        )
        self._agent = identity.agent
        self._beats = Beats(self._client, trust, self._key, self._session, hello, self._journal, self._status)
        slots = Slots(config, self._journal, self._status, self._session, self._beats.kick, self._beats.confirm, policy)
        slots.agent, slots.key = identity.agent, self._key
        self._slots = self._beats.slots = slots
        self._beats.gate = self._gate(trust, clock, licensing)
        self._beats.clock, self._beats.licensing = clock, licensing
        self._beats.post = post
        self._beats.rolling = rolling
        post.on_change = self._beats.stand
        self._look_for_tampering(identity, post, licensing)
        self._beats.stand()
        self._witness = Witness(config.state / "witness.json", trust)
        self._beats.on_checkpoint = self._testify
        self._slots.on_uncontained = self._suspect.set
        self._bearer = asyncio.Event()
        self._beats.on_bearer = self._bearer.set
        self._ending = asyncio.Event()
        self._introduce(identity, hello)

    def _gate(self, trust: Trust, clock: Clock, licensing: Licensing) -> Gatekeeper:
        return Gatekeeper(
            agent=trust.identity.agent,
            agent_key=self._key.keyid,
            generation=trust.identity.generation,
            keys=trust.now,
            runs=frozenset((*INSTANT, *RUNNERS)) & frozenset(self._config.kinds or KINDS),
            contains=lambda: self._contained.cls == "contained",
            policy=self._policy,
            key=self._key,
            journal=self._journal,
            now=clock.now,
            licence=licensing.against,
        )

    def _look_for_tampering(self, identity: Identity, post: Post, licensing: Licensing) -> None:
        """Tells of what is not as it was written, and takes no work until the control plane has heard of it."""
        state = of_state(self._config.state, identity, self._key) or licensing.tampered or post.tampered
        for type_, doubt in (("tampered_state", state), ("tampered_bundle", of_bundle())):
            if doubt:
                post.doubt(doubt)
                self._beats.find(type_, what=doubt)

    def _introduce(self, identity: Identity, hello: Hello) -> None:
        """What `paddock status` says of this session."""
        self._status.fact(
            agent=identity.agent,
            name=hello.name,
            session=self._session,
            server=self._config.server,
            version=__version__,
            slots=hello.slots,
            containment=self._contained.cls,
            containment_reason=self._contained.reason,
            capabilities=hello.capabilities,
            labels=hello.labels,
            fingerprint=hello.fingerprint,
            health=[msgspec.structs.asdict(check) for check in hello.health],
        )

    async def live(self) -> int:
        """Beats until told to end, then drains."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        self._status.write()
        tasks: list[asyncio.Task[None]] = [
            asyncio.create_task(self._beats.run(), name="beat"),
            asyncio.create_task(self._wake(), name="wake"),
            asyncio.create_task(self._sweeps(), name="sweep"),
            asyncio.create_task(self._canaries(), name="canary"),
        ]
        if self._config.checks:
            tasks.append(asyncio.create_task(self._health.run(), name="health"))
        ending = asyncio.create_task(self._until_ended(), name="end")
        try:
            await asyncio.wait({ending, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()  # an error of a loop is the agent's end
            await self._drain()
        except PaddockError:
            self._slots.stop_all("stale")
            await self._slots.wait(15)
            raise
        finally:
            for task in (ending, *tasks):
                task.cancel()
            await asyncio.gather(ending, *tasks, return_exceptions=True)
        return 0

    def _kinds(self) -> tuple[str, ...]:
        """The kinds this agent offers.

        A host that cannot contain offers none that must be contained; else it would take and refuse for ever.
        """
        allowed = self._policy.current()
        contains = self._contained.cls == "contained" or allowed.allow_degraded
        able = (kind for kind in (*INSTANT, *RUNNERS) if contains or not KINDS[kind].worktree)
        if not allowed.agents:
            able = (kind for kind in able if kind != CODING)
        if allowed.customer_keys:  # what the control plane submits itself, no customer has signed
            able = (kind for kind in able if not KINDS[kind].system)
        wanted = self._config.kinds or tuple(KINDS)
        return tuple(kind for kind in able if kind in wanted and kind in allowed.kinds)

    def _capabilities(self) -> tuple[str, ...]:
        """What was found on the host and said by its owner, and the coding agents that its policy has."""
        return tuple(sorted({*self._found, *(CAPABILITY + name for name in self._policy.current().agents)}))

    async def _canaries(self) -> None:
        """Tries again and again whether boxes hold, and at once when a run could not be boxed."""
        while True:
            self._status.say("canary", f"boxes {'hold' if self._contained.cls == 'contained' else 'do not hold'}")
            self._suspect.clear()
            with contextlib.suppress(TimeoutError):
                wait = CANARY_S if self._contained.cls == "contained" else AGAIN_S
                async with asyncio.timeout(wait * (0.9 + random.random() / 5)):
                    await self._suspect.wait()
            self._weigh(await asyncio.to_thread(measure, self._config.work))

    def _weigh(self, found: Containment) -> None:
        """Takes over what the canary found; what is offered changes with it."""
        before, self._contained = self._contained, found
        if found == before:
            return
        _log.warning("containment: %s %s", found.cls, found.reason, extra={"action": "containment.changed"})
        self._status.fact(containment=found.cls, containment_reason=found.reason)
        self._status.soon()
        self._offer()

    def _offer(self) -> None:
        """Tells what this host offers when that has changed: its containment, or what its policy lets run."""
        with contextlib.suppress(PaddockError):  # a policy that cannot be read lets nothing start anyway
            offered = (self._contained.cls, self._kinds(), self._capabilities())
            if offered != self._offered:
                self._offered = offered
                self._beats.change(containment=offered[0], kinds=offered[1], capabilities=offered[2])

    def _feel(self, stands: tuple[Check, ...]) -> None:
        """One of the checks has changed."""
        bad = [check.name for check in stands if not check.ok]
        self._status.say("health", f"not well: {', '.join(bad)}" if bad else "well")
        self._status.fact(health=[msgspec.structs.asdict(check) for check in stands])
        self._status.soon()
        self._beats.feel(stands)

    def _testify(self, checkpoint: Envelope) -> None:
        self._witness.take(checkpoint)
        if self._witness.complaint:
            self._beats.find("journal_denied", complaint=self._witness.complaint)
        self._status.fact(witness={"seal": self._witness.number, "complaint": self._witness.complaint})

    async def _until_ended(self) -> None:
        await self._ending.wait()

    def _end(self) -> None:
        """The first signal drains; the second hands back what still runs."""
        if self._ending.is_set():
            self._slots.stop_all("shutdown")
        self._ending.set()

    async def _drain(self) -> None:
        """Takes no more jobs, lets the running ones finish for a while, hands back the rest, tells what happened."""
        self._beats.draining = True
        self._beats.kick()
        await self._slots.wait(self._config.drain_s)
        self._slots.stop_all("shutdown")
        await self._slots.wait(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._beats.answered()
                while self._journal.pending(1):
                    await self._beats.answered()

    async def _wake(self) -> None:
        """The push channel: whatever comes on it means *beat now*."""
        failures = 0
        while True:
            await self._bearer.wait()
            self._status.say("wake", "listening")
            with contextlib.suppress(Unreachable):
                # The agent's name is for balancers, which keep its connections together by it.
                headers = {"authorization": f"Bearer {self._beats.bearer}", AGENT_HEADER: self._agent}
                async for line in self._client.stream("/v1/wake", headers):
                    failures = 0
                    if line:
                        self._beats.kick()
            failures += 1
            if failures > 3:
                self._bearer.clear()  # the next beat brings a fresh one
                failures = 0
            self._status.say("wake", "reconnecting")
            await asyncio.sleep(0.2 + random.random() * min(5.0, failures))

    async def _sweeps(self) -> None:
        while True:
            await self._sweep()
            await asyncio.sleep(SWEEP_S * (0.75 + random.random() / 2))

    async def _sweep(self) -> None:
        """Saves what dead runs on this host wrote, whoever ran them."""
        self._status.say("sweep", "looking for dead runs")
        found = await asyncio.to_thread(recover, self._config.work)
        told: Sequence[Outcome] = [
            Outcome(job=r.job, epoch=r.epoch, status="returned", code="recovered", wip=r.snapshot.wip)
            for r in found
            if r.snapshot is not None
        ]
        for r in found:
            if r.error:
                _log.warning(r.error, extra={"action": "sweep.kept", "job": r.job, "epoch": r.epoch})
        if told:
            self._journal.put(told)
            self._beats.kick()
        self._status.say("sweep", f"saved {len(told)} dead runs" if told else "nothing to save")

    async def close(self) -> None:
        """Closes what is open."""
        self._status.write()
        await self._slots.close()
        await self._client.close()
        self._journal.close()


class JsonLines(logging.Formatter):
    """One JSON object per line, with a stable `action` key and the ids."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"at": int(record.created * 1_000), "level": record.levelname.lower(), "message": record.getMessage()}
        for name in ("action", "job", "epoch"):
            if hasattr(record, name):
                line[name] = getattr(record, name)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stderr(level: str, state: Path | None = None) -> None:
    """JSON lines on stderr, and in the state directory for `paddock report`."""
    root = logging.getLogger("paddock")
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if state is not None:
        with contextlib.suppress(OSError):  # who may not write there is told so when the state is locked
            state.mkdir(parents=True, exist_ok=True, mode=0o700)
            handlers.append(LogFile(state / LOG))
    for handler in handlers:
        handler.setFormatter(JsonLines())
        root.addHandler(handler)
    root.setLevel(level.upper())
