"""The warrant: what a customer's own key has signed of a job, before any control plane has seen it.

It stands in the job's scope and says all that the job does. An agent whose host asks for one holds the order against
it, so that a control plane can delay such a job, or hand it over several times, but change nothing of it.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from paddock.core.job import Job, Scope
from paddock.wire.envelope import Envelope, EnvelopeError, Malformed, seal, unseal
from paddock.wire.keys import Signer, Verifier
from paddock.wire.messages import Base, Decoder, JobOrder, Millis, Name, Struct, encode

ROLE = "customer"


class Work(Struct, frozen=True, kw_only=True):
    """The body of a warrant. `id` is this warrant's own; it is good from `at` until `exp`."""

    v: Annotated[int, Meta(ge=1, le=1)] = 1
    id: Annotated[str, Meta(min_length=16, max_length=64)]
    at: Millis
    exp: Millis
    project: Name
    base: Base
    name: Name
    kind: Name
    payload: dict[str, Any]
    # Without the warrant itself.
    scope: Scope
    wall_s: Annotated[int, Meta(ge=1, le=86_400)]
    accept: tuple[str, ...] = ()


_works = Decoder(Work)
_envelopes = msgspec.json.Decoder(Envelope)


def public_text(key: Signer) -> str:
    """A key as a host's policy names it: raw, in base64."""
    return base64.b64encode(key.public).decode()


def keys_of(texts: tuple[str, ...]) -> dict[str, Verifier]:
    """The keys that a policy names, by their ids. Raises: Malformed."""
    try:
        found = [Verifier(base64.b64decode(text, validate=True), ROLE) for text in texts]
    except (binascii.Error, ValueError, TypeError):
        raise Malformed("customer_keys: one of them is no key in base64") from None
    return {key.keyid: key for key in found}


def issue(work: Work, key: Signer) -> str:
    """The warrant as it stands in a scope."""
    return base64.b64encode(encode(seal(encode(work), "warrant", key))).decode()


def read(warrant: str, keys: Mapping[str, Verifier]) -> Work:
    """What a warrant says, once one of these keys is known to have signed it.

    Raises: Unsigned, BadSignature, Malformed.
    """
    return _works.decode(unseal(_envelope(warrant), "warrant", keys, ROLE))


def claimed(warrant: str) -> Work:
    """What a warrant says, whoever has signed it: good for complaints and for nothing else. Raises: Malformed."""
    try:
        return _works.decode(binascii.a2b_base64(_envelope(warrant).payload, strict_mode=True))
    except (binascii.Error, ValueError):
        raise Malformed("the warrant does not decode") from None


def _envelope(warrant: str) -> Envelope:
    try:
        return _envelopes.decode(base64.b64decode(warrant, validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError, EnvelopeError):
        raise Malformed("the warrant does not decode") from None


def differs(work: Work, order: JobOrder) -> str:
    """What of an order is not what its warrant says; nothing when all is."""
    job = Job(
        name=order.name,
        kind=order.kind,
        payload=order.payload,
        scope=order.scope,
        timeout=order.limits.wall_s,
        accept=order.accept,
        priority=0,
        urgency=0,
        requires=(),
        max_attempts=0,
        depends_on=(),
    )
    return job_differs(work, job, order.project, order.base)


def job_differs(work: Work, job: Job, project: str, base: Base | None) -> str:
    """The same of a job on its way in."""
    given: dict[str, object] = {
        "project": project,
        "base": base,
        "name": job.name,
        "kind": job.kind,
        "payload": job.payload,
        "scope": msgspec.structs.replace(job.scope, warrant=""),
        "wall_s": job.timeout,
        "accept": job.accept,
    }
    bare = () if base is not None else ("base",)  # kinds without a worktree have none
    return next((name for name, value in given.items() if name not in bare and getattr(work, name) != value), "")
