"""The beat loop: the one request an agent makes, and what comes of its answer."""

import asyncio
import contextlib
import logging
import random
import sqlite3
import time
from collections.abc import Callable, Sequence

import msgspec

from paddock.agent.clock import Clock
from paddock.agent.http import Answer, Client
from paddock.agent.intake import Gatekeeper, Refusal, evidence, sift
from paddock.agent.journal import Journal, Told
from paddock.agent.licensing import Licensing
from paddock.agent.quarantine import Post
from paddock.agent.rolling import Rolling
from paddock.agent.sent import Replaced, Sent
from paddock.agent.slots import Active, Slots
from paddock.agent.status import Status
from paddock.agent.trust import Trust
from paddock.core.errors import Overloaded, Refused, Stale, Unreachable
from paddock.core.schedule import backoff
from paddock.wire.envelope import Envelope, EnvelopeError, unseal
from paddock.wire.keys import Signer
from paddock.wire.messages import (
    Check,
    Decoder,
    Directive,
    Finding,
    Grant,
    Held,
    Hello,
    Outcome,
    Reply,
    encode,
)
from paddock.wire.signing import AGENT_HEADER, SIGNATURE_HEADER, sign

_log = logging.getLogger("paddock.agent")
_directives = Decoder(Directive)
_replies = msgspec.json.Decoder(Reply)

OUTBOX_BYTES = 150_000
# What the control plane may ask for; anything else is drawn into these bounds.
SHORTEST_S, LONGEST_S = 0.05, 600.0
# How long a run that is told to stop still waits for the answer that its lease holds.
CONFIRM_S = 15.0
# Refusals of orders that no honest control plane causes.
_TAMPERED = frozenset({"unsigned", "bad_signature", "wrong_target"})


class Beats:
    """Beats when due or kicked; one beat at a time, the same one until it is answered."""

    def __init__(
        self,
        client: Client,
        trust: Trust,
        key: Signer,
        session: str,
        hello: Hello,
        journal: Journal,
        status: Status,
    ) -> None:
        self._client = client
        self._trust = trust
        self._agent = trust.identity.agent
        self._key = key
        self._session = session
        self._hello: Hello | None = hello
        self._own_hello = hello
        # How the checks stand, when the control plane has not heard of it yet.
        self._health: tuple[Check, ...] | None = None
        self._journal = journal
        self._status = status
        self._keys = trust.now
        self._seq = 0
        self._kicked = asyncio.Event()
        self._answered: asyncio.Future[None] | None = None
        self._next = time.monotonic()
        self.draining = False
        self.bearer = ""
        self.on_bearer: Callable[[], None] = lambda: None
        self.on_checkpoint: Callable[[Envelope], None] = lambda _: None
        self.slots: Slots
        self.gate: Gatekeeper
        self.post: Post
        self.rolling: Rolling
        self.clock: Clock
        self.licensing: Licensing
        # What the control plane should hear of.
        self._findings: list[Finding] = []

    def kick(self) -> None:
        """Asks for a beat now."""
        self._kicked.set()

    def change(self, **facts: object) -> None:
        """Tells what has changed about this agent: a hello like the first, in the same session."""
        self._own_hello = self._hello = msgspec.structs.replace(self._own_hello, **facts)
        self.kick()

    def feel(self, stands: tuple[Check, ...]) -> None:
        """Tells how the checks stand, now and in every hello to come."""
        self._own_hello = msgspec.structs.replace(self._own_hello, health=stands)
        if self._hello is not None:
            self._hello = self._own_hello
        self._health = stands
        self.kick()

    def find(self, type_: str, **facts: int | str) -> None:
        """Tells of something that was found, with the next beat; once while it is untold."""
        short = {name: fact[:400] if isinstance(fact, str) else fact for name, fact in facts.items()}
        if not any(finding.type == type_ for finding in self._findings):
            self._findings.append(Finding(type=type_, facts=short))

    def stand(self) -> None:
        """Takes over where the agent stands: who may not work ends what it runs."""
        self._own_hello = msgspec.structs.replace(self._own_hello, standing=self.post.number)
        if not self.post.works:
            self.slots.stop_all("stale")
        self._status.fact(standing=self.post.standing, standing_reason=self.post.reason)
        self.kick()

    async def run(self) -> None:
        """Beats for ever. Raises: Replaced, Refused."""
        while True:
            wait = self._next - time.monotonic()
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._kicked.wait()
            await self.once()

    async def once(self) -> None:
        """One beat, tried until it is answered."""
        self._kicked.clear()
        self._answered = self._answered or asyncio.get_running_loop().create_future()
        answered, self._answered = self._answered, None
        try:
            while True:
                try:
                    beat = self._compose()
                except OSError as error:  # a session does not begin before its nonce is on disk
                    self._later(f"the state directory cannot be written: {error}")
                    await asyncio.sleep(1)
                    continue
                answer = await self._deliver(encode(beat))
                if answer.status != 503:
                    break
                await self._hold_off(answer.retry_after)
            self._take(answer, beat)
        finally:
            answered.set_result(None)

    def _compose(self) -> Sent:
        state, nonce = self._roll()
        self._seq += 1
        outcomes = tuple(self._journal.pending(OUTBOX_BYTES))
        return Sent(
            agent=self._agent,
            session=self._session,
            seq=self._seq,
            sent=time.time_ns() // 1_000_000,
            hello=self._hello,
            held=(*self.slots.held(), *self._untold(outcomes)),
            outcomes=tuple(msgspec.Raw(told.body) for told in outcomes),
            want=self._want(),
            draining=self.draining,
            health=None if self._hello is not None else self._health,
            findings=tuple(self._findings),
            state=state,
            nonce=nonce,
            keys=self._trust.followed,
        )

    def _want(self) -> int:
        """How many jobs to ask for."""
        if self.draining or self.clock.astray or self.licensing.against():
            return 0
        return self._room()

    def _room(self) -> int:
        """How many more jobs may start here."""
        if not self.post.works:
            return 0
        return self.licensing.room(self.slots.free, self.slots.running)

    def _roll(self) -> tuple[str, str]:
        """The state and the nonce that the next beat shows; nothing when it need not show any. Raises: OSError."""
        if self._hello is not None:
            return self.rolling.ahead()
        with contextlib.suppress(OSError):  # the beat is worth more; the next one tries again
            return self.rolling.ahead() if self.rolling.due() else ("", "")
        return "", ""

    async def _hold_off(self, seconds: float) -> None:
        """Stays away for as long as it was told and as much again at most; what must be told ends it."""
        seconds *= 1 + random.random()
        self._status.say("beat", f"the control plane is busy; staying away for {seconds:.0f} s")
        self._status.soon()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (self.draining or self._health or self.slots.running or self._journal.pending(1)):
                    self._kicked.clear()  # a call to come is no reason: it would be sent away again
                    await self._kicked.wait()

    def _untold(self, sent: tuple[Told, ...]) -> list[Held]:
        """Attempts that have ended but whose outcomes do not fit into this beat: their leases are still ours."""
        told = {(outcome.job, outcome.epoch) for outcome in sent}
        waiting = self._journal.waiting(self._session, len(sent))
        return [Held(job=job, epoch=epoch) for job, epoch in waiting if (job, epoch) not in told]

    async def confirm(self, run: Active) -> None:
        """Returns once a beat that began after this call has shown that the attempt still holds its job.

        However long nobody answers, what was done is kept. Raises: Stale; Unreachable when told to stop meanwhile.
        """
        answered, stopped = asyncio.ensure_future(self.answered()), asyncio.ensure_future(run.stop.wait())
        try:
            await asyncio.wait({answered, stopped}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({answered}, timeout=CONFIRM_S)
            if not answered.done():
                raise Unreachable("the agent was stopped before the control plane could confirm the lease")
        finally:
            answered.cancel()
            stopped.cancel()
        if run.stop.why == "stale":
            raise Stale()

    async def answered(self) -> None:
        """Asks for a beat and returns once one that began after this call was answered."""
        self._answered = self._answered or asyncio.get_running_loop().create_future()
        answered = self._answered
        self.kick()
        await asyncio.shield(answered)

    async def _deliver(self, body: bytes) -> Answer:
        headers = {AGENT_HEADER: self._agent, SIGNATURE_HEADER: sign(body, "beat", self._key)}
        tries = 0
        while True:
            self._status.say("beat", "sending a beat" if not tries else f"sending a beat, try {tries + 1}")
            answer: Answer | None = None
            try:
                answer = await self._client.post("/v1/beat", body, headers)
                if answer.status < 500 or (answer.status == 503 and answer.error()[0] == Overloaded.code):
                    return answer
                told = f"the control plane answers {answer.status}"
            except Unreachable as error:
                told = error.message
            tries += 1
            if tries == 3:  # a blip is nothing to read about
                _log.warning("%s; trying on", told, extra={"action": "beat.unanswered"})
            self._status.say("beat", told)
            self._status.soon()
            wait = answer.retry_after * (1 + random.random()) if answer else 0.0
            await asyncio.sleep(wait + 0.1 + backoff(tries, random.random(), base_ms=200, cap_ms=5_000) / 1_000)

    def _introduced(self, hello: Hello | None) -> None:
        if hello is not None and self._hello is hello:
            _log.info("%s is online", hello.name, extra={"action": "agent.online"})
            self._hello = None

    def _take(self, answer: Answer, beat: Sent) -> None:
        if answer.status != 200:
            self._refused(*answer.error(), answer.status)
            return
        try:
            reply = _replies.decode(answer.body)
        except msgspec.MsgspecError as error:
            self._later(f"the answer cannot be read: {error}")
            return
        if reply.keys:
            self._trust.follow(reply.keys)
        self._introduced(beat.hello)
        if self._health is beat.health or (beat.hello is not None and self._health == beat.hello.health):
            self._health = None
        seconds = min(max(reply.next_ms / 1_000, SHORTEST_S), LONGEST_S)
        self._next = time.monotonic() + seconds
        if reply.bearer:
            self.bearer = reply.bearer
            self._status.fact(update=reply.update)
            self.on_bearer()
        del self._findings[: len(beat.findings)]
        if beat.nonce and reply.state:
            self.rolling.answered(reply.state, seconds)
        self.clock.heard(reply.now)
        if self.clock.telling():
            self.find("clock_skew", behind_ms=self.clock.behind)
        self._look_at_licence(reply)
        if reply.standing is not None:
            self.post.take(reply.standing)
            self.post.check()
        if reply.checkpoint is not None:
            self.on_checkpoint(reply.checkpoint)
        settled = self._obey(reply, beat) if reply.directive is not None else []
        if reply.jobs or settled:
            self._accept(reply.jobs, reply.manifest, settled)
        self._status.say("beat", f"waiting {seconds:.0f} s")
        self._status.fact(last_beat=reply.now, next_beat=reply.now + int(seconds * 1_000), seq=self._seq)
        self._status.soon()

    def _look_at_licence(self, reply: Reply) -> None:
        """Takes over the licence before anything else that it may bear on; says what it keeps the agent from."""
        barred = self.licensing.against()
        if reply.licence and self.licensing.take(reply.licence):
            self._own_hello = msgspec.structs.replace(self._own_hello, licensed=self.licensing.claims is not None)
            if barred and not self.licensing.against():
                self.kick()
        self._status.fact(licence=self.licensing.facts(), waits=reply.waits)

    def _refused(self, code: str, message: str, status: int) -> None:
        if code == "stale_session":
            raise Replaced(message)
        if status == 401:
            raise Refused(f"the control plane does not take this agent: {message}", hint="activate it anew")
        if code == "hello_wanted":
            self._hello = self._own_hello
            self._next = time.monotonic() + SHORTEST_S
            return
        self._later(f"the beat was refused: {message} ({code or status})")

    def _later(self, told: str) -> None:
        _log.warning(told, extra={"action": "beat.refused"})
        self._status.say("beat", told)
        self._next = time.monotonic() + 1.0

    def _obey(self, reply: Reply, beat: Sent) -> list[tuple[str, int]]:
        """Does what a directive says, once it is known to be the control plane's answer to this very beat.

        Returns the outcomes that it acknowledges, as job and epoch.
        """
        assert reply.directive is not None
        try:
            orders = _directives.decode(unseal(reply.directive, "directive", self._keys, "directive"))
        except EnvelopeError as error:
            self._later(f"a directive does not hold: {error.message}")
            return []
        if (orders.agent, orders.session, orders.seq) != (beat.agent, beat.session, beat.seq):
            self._later("a directive is the answer to another beat")
            return []
        for ack in orders.acks:
            if ack.code:
                _log.warning("an outcome was refused", extra={"action": "outcome.refused", "job": ack.job})
        for stop in orders.stops:
            self.slots.stop(stop.job, stop.epoch, stop.why)
        if any(stop.why == "cancel" for stop in orders.stops) and not all(
            held.cancelling for held in beat.held if any(s.job == held.job for s in orders.stops)
        ):
            self.kick()  # tells that the order has arrived
        return [(ack.job, ack.epoch) for ack in orders.acks]

    def _accept(self, grants: tuple[Grant, ...], manifest: Envelope | None, settled: Sequence[tuple[str, int]]) -> None:
        """Holds each order against the gate, remembers the good ones on disk, and only then starts them."""
        good, bad = sift(self.gate.open_all(grants, manifest), grants, self._room(), self._full())
        refused = []
        for grant, error in bad:
            _log.warning("an order was refused", extra={"action": "job.refused", "job": grant.job})
            if not self.slots.runs(grant.job, grant.epoch):  # the outcome of what runs here is its own to tell
                refused.append(self._refusal(grant, error))
        try:
            self._journal.accept(good, evidence(manifest) if manifest and good else b"", settled)
        except (
            sqlite3.Error
        ) as error:  # nothing is started; the control plane takes back what the next beat does not hold
            self._later(f"orders cannot be remembered: {error}")
            return
        for order, _ in good:
            self.clock.signed(order.nbf)
            self.slots.start(order)
        if refused:
            self._journal.put(refused)
        if refused or (settled and self._journal.pending(1)):
            self.kick()

    def _full(self) -> Refusal:
        """Why an order is refused for which there is no room."""
        if not self.post.works:
            return Refusal("quarantined", "this agent is in quarantine")
        return Refusal("draining" if self.draining else "over_capacity")

    def _refusal(self, grant: Grant, error: Refusal) -> Outcome:
        if error.told in _TAMPERED:
            self.find("tampered_order", job=grant.job, code=error.told)
        now = time.time_ns() // 1_000_000
        return Outcome(
            job=grant.job[:64],
            epoch=max(1, min(grant.epoch, 2**31)),
            session=self._session,
            status="refused",
            code=error.told,
            detail=error.message[:4_000],
            ended=now,
        )
