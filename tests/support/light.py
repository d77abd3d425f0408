"""Light agents: the agents' protocol over real HTTP with real keys, without a process or a run behind it."""

import base64
import http.client
import json
import secrets
import time
from typing import Any

import msgspec

from paddock.cli.api import Api
from paddock.wire.envelope import unseal
from paddock.wire.keys import Signer, Verifier
from paddock.wire.messages import Activated, Activation, Beat, Directive, Grant, Held, Hello, Outcome, Reply, encode
from paddock.wire.signing import AGENT_HEADER, SIGNATURE_HEADER, sign


class Refused(Exception):
    """The control plane refused a request: (status, code)."""


class Light:
    """One agent. It knows what answers told it, and nothing runs."""

    def __init__(
        self, api: Api, port: int, name: str, *, kinds: tuple[str, ...] = ("noop",), slots: int = 1, sent: int = 0
    ) -> None:
        self.name, self.port = name, port
        # The address that its requests come from.
        self.source = "127.0.0.1"
        self.key = Signer(secrets.token_bytes(32), "agent")
        token = api.post("/v1/tokens", {"label": name})["token"]
        public = base64.b64encode(self.key.public).decode()
        body = encode(Activation(token=token, public_key=public, name=name, sent=sent))
        given = msgspec.json.decode(self.post("/v1/activate", body, "activation", ""), type=Activated)
        self.agent = given.agent
        self.keys = {k.keyid: Verifier(base64.b64decode(k.key), k.role) for k in given.keys}
        self.hello = Hello(name=name, version="1", kinds=kinds, capabilities=(), slots=slots)
        self.held: dict[str, int] = {}
        self.boot()

    def boot(self) -> None:
        """A new session; tells of itself at the next beat."""
        self.session = f"s{secrets.token_hex(10)}"
        self.seq = 0

    def post(self, path: str, body: bytes, purpose: str, agent: str | None = None, **headers: str) -> bytes:
        """A signed request's answer. Raises: Refused."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30, source_address=(self.source, 0))
        try:
            known = self.agent if agent is None else agent
            signed = {AGENT_HEADER: known, SIGNATURE_HEADER: sign(body, purpose, self.key), **headers}
            link.request("POST", path, body, signed)
            answer = link.getresponse()
            raw = answer.read()
        finally:
            link.close()
        if answer.status != 200:
            raise Refused(answer.status, json.loads(raw)["error"]["code"])
        return raw

    def request(self, *outcomes: Outcome, want: int = 0, **more: Any) -> bytes:
        """The next beat's body."""
        self.seq += 1
        beat = Beat(
            agent=self.agent,
            session=self.session,
            seq=self.seq,
            sent=int(time.time() * 1_000),
            hello=self.hello if self.seq == 1 else None,
            held=tuple(Held(job=job, epoch=epoch) for job, epoch in self.held.items()),
            outcomes=outcomes,
            want=want,
        )
        return encode(msgspec.structs.replace(beat, **more))

    def beat(self, *outcomes: Outcome, want: int = 0) -> tuple[tuple[Grant, ...], Directive | None]:
        """One beat: what was granted, and the directive, whose signature is checked."""
        for outcome in outcomes:
            self.held.pop(outcome.job, None)
        reply = msgspec.json.decode(self.post("/v1/beat", self.request(*outcomes, want=want), "beat"), type=Reply)
        self.held |= {grant.job: grant.epoch for grant in reply.jobs}
        if reply.directive is None:
            return reply.jobs, None
        body = unseal(reply.directive, "directive", self.keys, "directive")
        return reply.jobs, msgspec.json.decode(body, type=Directive)

    def order(self, grant: Grant) -> dict[str, Any]:
        """The order in a grant, its signature checked."""
        told: dict[str, Any] = json.loads(unseal(grant.order, "job", self.keys, "job"))
        return told


def done(grant: Grant, **more: Any) -> Outcome:
    """A grant's good end."""
    return Outcome(job=grant.job, epoch=grant.epoch, status="done", **more)
