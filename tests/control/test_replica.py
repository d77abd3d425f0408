"""One of several control planes on one store never acts on what it only remembers."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.bus.base import Bus
from paddock.bus.conformance import listening, soon, until
from paddock.bus.connect import connect
from paddock.bus.memory import MemoryBus
from paddock.bus.outbox import Pace
from paddock.control.beat import beat
from paddock.control.clock import Clock, SharedClock
from paddock.control.keys import OtherKeys, open_keys
from paddock.control.logs import LogFull, OffsetAhead, SharedLogs
from paddock.control.plane import Control
from paddock.control.reap import Reaper
from paddock.control.replica import Replica
from paddock.control.submit import add_project, submit
from paddock.core.errors import StaleSession, Unauthorised
from paddock.signer.folder import Folder
from paddock.store.sqlite.driver import SqliteStore
from paddock.wire.envelope import unseal
from paddock.wire.keys import Signer
from paddock.wire.messages import Beat, Directive, Held, Hello, Outcome, Reply, encode
from paddock.wire.signing import sign
from support.signers import signer_of

QUICK = Pace(changed=0.02)
JOB = {"project": "shop", "jobs": [{"id": "one", "kind": "noop", "payload": {}}]}


class Apart:
    """Two replicas that share a store and cannot hear each other."""

    def __init__(self, store: SqliteStore, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.all: list[Control] = []

    async def replica(self, bus: Bus | None = None) -> Control:
        """One more."""
        keys = await open_keys(signer_of(self.folder), self.store, Clock().now())
        control = Control(self.folder / f"home-{len(self.all)}", self.store, keys, 60_000, 180_000)
        control.bus = bus or MemoryBus()
        control.replica = Replica(control, await self.store.pulse())
        await control.load()
        self.all.append(control)
        return control


@asynccontextmanager
async def on_one_store(folder: Path) -> AsyncIterator[Apart]:
    """A store for several; whatever was opened on it is closed."""
    store = await SqliteStore.open(folder / "store.db")
    apart = Apart(store, folder)
    try:
        yield apart
    finally:
        for control in apart.all:
            await control.keys.signing.close()
            await control.bus.close()
        await store.close()


class Hand:
    """An agent that may speak to any replica."""

    def __init__(self, agent: str, key: Signer, control: Control) -> None:
        self.agent, self.key = agent, key
        self.directive = control.keys.verifier("directive")
        self.boot()

    @classmethod
    async def join(cls, control: Control, name: str = "a1") -> "Hand":
        """A new agent, which that replica alone may know of."""
        key = Signer(secrets.token_bytes(32), "agent")
        await control.store.add_token(name, "", 1, 1 << 50)
        public = base64.b64encode(key.public).decode()
        return cls((await control.store.redeem(name, public, name, 2)).id, key, control)

    def boot(self) -> None:
        """A new session."""
        self.session, self.seq = f"s{secrets.token_hex(8)}", 0

    async def beat(self, control: Control, want: int = 0, **more: Any) -> Reply:
        """The next beat, at this replica."""
        self.seq += 1
        hello = Hello(name="a1", version="1", kinds=("noop",), capabilities=(), slots=4) if self.seq == 1 else None
        given = Beat(agent=self.agent, session=self.session, seq=self.seq, sent=1, hello=hello, want=want)
        return await self.send(control, msgspec.structs.replace(given, **more))

    async def send(self, control: Control, given: Beat) -> Reply:
        """A beat as it stands."""
        body = encode(given)
        answer = await beat(control, self.agent, sign(body, "beat", self.key), body, 0.5)
        return msgspec.json.decode(answer, type=Reply)

    def told(self, reply: Reply) -> Directive:
        """What a reply orders."""
        assert reply.directive is not None
        key = self.directive
        return msgspec.json.decode(unseal(reply.directive, "directive", {key.keyid: key}, "directive"), type=Directive)


async def test_an_agent_activated_elsewhere_is_known_at_first_sight(tmp_path: Path) -> None:
    async with on_one_store(tmp_path) as apart:
        here, there = await apart.replica(), await apart.replica()
        hand = await Hand.join(here)
        await hand.beat(there)
        await hand.beat(here)
        await hand.beat(there)
        hand.agent = "a" + "0" * 20
        for _ in range(2):
            with pytest.raises(Unauthorised):
                await hand.beat(there)


async def test_a_session_that_was_replaced_elsewhere_is_told_so(tmp_path: Path) -> None:
    async with on_one_store(tmp_path) as apart:
        here, there = await apart.replica(), await apart.replica()
        hand = await Hand.join(here)
        await hand.beat(here)
        old, seq = hand.session, hand.seq
        hand.boot()
        await hand.beat(there)
        await hand.beat(here)  # whose memory is of the old one
        hand.session, hand.seq = old, seq
        for control in (here, there):
            with pytest.raises(StaleSession):
                await hand.beat(control)


async def test_an_idle_session_that_was_replaced_is_told_so_within_a_pulse(tmp_path: Path) -> None:
    async with on_one_store(tmp_path) as apart:
        here, there = await apart.replica(), await apart.replica()
        old = await Hand.join(here)
        await old.beat(here)
        new = Hand(old.agent, old.key, there)
        await new.beat(there)
        await old.beat(here)  # nobody has told this replica, and the beat asks for nothing
        assert here.replica is not None
        await here.replica.round(here.clock.now())
        with pytest.raises(StaleSession):
            await old.beat(here)


async def test_a_replaced_session_gets_no_job_from_a_replica_that_was_not_told(tmp_path: Path) -> None:
    async with on_one_store(tmp_path) as apart:
        here, there = await apart.replica(), await apart.replica()
        await add_project(here, {"name": "shop", "repo": "/srv/shop.git", "branch": "main"})
        old = await Hand.join(here)
        await old.beat(here)
        new = Hand(old.agent, old.key, there)
        await new.beat(there)
        await submit(here, JOB)
        assert (await old.beat(here, want=4)).jobs == ()
        await Reaper(there).round()
        assert len((await new.beat(there, want=4)).jobs) == 1


async def test_a_lost_answer_is_given_again_by_another_replica(tmp_path: Path) -> None:
    async with on_one_store(tmp_path) as apart:
        here, there = await apart.replica(), await apart.replica()
        await add_project(here, {"name": "shop", "repo": "/srv/shop.git", "branch": "main"})
        hand = await Hand.join(here)
        await hand.beat(there)
        await hand.beat(here)
        await submit(here, JOB)
        lost = await hand.beat(here, want=1)
        hand.seq -= 1
        again = await hand.beat(there, want=1)
        assert [(grant.job, grant.epoch) for grant in again.jobs] == [(grant.job, grant.epoch) for grant in lost.jobs]
        [grant] = again.jobs
        held = (Held(job=grant.job, epoch=grant.epoch),)
        assert (await hand.beat(here, held=held)).directive is None
        outcome = Outcome(job=grant.job, epoch=grant.epoch, status="done")
        for control in (there, here):  # the second time it is known already
            acks = hand.told(await hand.beat(control, outcomes=(outcome,))).acks
            assert [(ack.job, ack.code) for ack in acks] == [(grant.job, "")]
        assert len(await here.store.attempts(grant.job)) == 1


async def test_what_was_granted_elsewhere_and_never_arrived_goes_back(tmp_path: Path) -> None:
    async with on_one_store(tmp_path) as apart:
        here, there = await apart.replica(), await apart.replica()
        await add_project(here, {"name": "shop", "repo": "/srv/shop.git", "branch": "main"})
        hand = await Hand.join(here)
        await hand.beat(there)
        await hand.beat(here)
        await submit(here, JOB)
        [grant] = (await hand.beat(here, want=1)).jobs
        await hand.beat(there)  # it knows nothing of the grant, and asks for nothing
        job = await here.store.job(grant.job)
        assert (job.state, job.losses) == ("ready", 0)


async def test_leases_of_a_replica_that_died_end(tmp_path: Path) -> None:
    async with on_one_store(tmp_path) as apart:
        here, there = await apart.replica(), await apart.replica()
        await add_project(here, {"name": "shop", "repo": "/srv/shop.git", "branch": "main"})
        hand = await Hand.join(here)
        await hand.beat(here)
        await submit(here, JOB)
        [grant] = (await hand.beat(here, want=1)).jobs
        assert there.replica is not None and not there.holding
        now = there.clock.now()
        for passed in range(0, 190_000, 10_000):
            there.replica.due_now()
            await there.replica.round(now + passed)
        assert (await here.store.job(grant.job)).losses == 1


async def test_drains_and_projects_of_another_replica_are_picked_up(tmp_path: Path, redis: str) -> None:
    async with on_one_store(tmp_path) as apart:
        here = await apart.replica(await connect(redis, "fleet", QUICK))
        there = await apart.replica(await connect(redis, "fleet", QUICK))
        await until(lambda: here.bus.peers and there.bus.peers, "they hear of each other")
        assert there.replica is not None
        there.replica.start()
        try:
            hand = await Hand.join(here)
            await hand.beat(there)
            await here.store.drain(hand.agent, True, 1)
            here.tell_of(hand.agent)
            known = there.fleet.get(hand.agent)
            assert known is not None
            await until(lambda: known.draining, "the drain is known")
            assert hand.told(await hand.beat(there)).drain
            await add_project(here, {"name": "shop", "repo": "/srv/shop.git", "branch": "main"})
            await until(lambda: "shop" in there.projects, "the project is known")
            other = await Hand.join(here, "a2")
            await other.beat(here)
            await until(lambda: there.fleet.get(other.agent), "the new agent is known")
            found = there.fleet.get(other.agent)
            assert found is not None
            await until(lambda: found.online(there.clock.now()), "and that it was seen, without a look at the store")
        finally:
            await there.replica.stop()


async def test_every_replica_knows_who_is_there(tmp_path: Path, redis: str) -> None:
    async with on_one_store(tmp_path) as apart:
        here = await apart.replica(await connect(redis, "fleet", QUICK))
        there = await apart.replica(await connect(redis, "fleet", QUICK))
        await until(lambda: here.bus.peers and there.bus.peers, "they hear of each other")
        assert there.replica is not None
        hand = await Hand.join(here)
        await there.replica.recognise(hand.agent)
        await hand.beat(here, want=2)
        known = there.fleet.get(hand.agent)
        assert known is not None and not known.online(there.clock.now())
        async with asyncio.timeout(30):
            while not known.last_seen:
                await there.replica.round(there.clock.now())
                await asyncio.sleep(0.01)
        assert known.online(there.clock.now())
        # It is asked for jobs that nobody takes who beats there, in case the replica it beats at is gone.
        there.lanes = {"shop|noop|": (1, None)}
        woken = await listening(here.bus.wakes(hand.agent))
        there.replica.wake_fallback()
        await soon(woken)


async def test_a_clock_that_is_wrong_follows_the_stores_and_never_goes_back() -> None:
    right = Clock().now()
    clock = SharedClock(right + 3_600_000)
    assert clock.now() - right >= 3_600_000
    said = clock.now()
    for _ in range(10):
        clock.follow(right)
        assert clock.now() >= said
    ahead = SharedClock(right)
    for _ in range(10):
        ahead.follow(right + 10_000)
    assert 300 <= ahead.now() - Clock().now() <= 600


async def test_a_store_is_served_with_its_own_keys_only(tmp_path: Path) -> None:
    async with on_one_store(tmp_path) as apart:
        await apart.replica()
        with pytest.raises(OtherKeys, match="and there are no keys in"):
            await open_keys(signer_of(tmp_path / "elsewhere"), apart.store, 1)
        Folder(tmp_path / "elsewhere" / "keys").load(make=True)
        with pytest.raises(OtherKeys, match="and the signer has job-"):
            await open_keys(signer_of(tmp_path / "elsewhere"), apart.store, 1)


async def test_bearers_are_good_on_every_replica(tmp_path: Path) -> None:
    async with on_one_store(tmp_path) as apart:
        here, there = await apart.replica(), await apart.replica()
        hand = await Hand.join(here)
        bearer = (await hand.beat(here)).bearer
        assert there.bearers.check(bearer) == (hand.agent, hand.session)


async def test_shared_logs_are_bounded_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_one_store(tmp_path) as apart:
        logs = SharedLogs(apart.store)
        assert await logs.append("j1", 1, "log", 0, b"abc") == 3
        with pytest.raises(OffsetAhead, match="starts at 3"):
            await logs.append("j1", 1, "log", 5, b"x")
        monkeypatch.setattr("paddock.control.logs.MAX_BYTES", 4)
        with pytest.raises(LogFull):
            await logs.append("j1", 1, "log", 3, b"de")
        assert (await logs.size("j1", 1, "log"), await logs.read("j1", 1, "log", 1)) == (3, b"bc")
