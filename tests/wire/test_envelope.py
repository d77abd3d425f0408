"""Envelopes: one changed byte, one wrong key, one ambiguous body, and nothing of it is acted on."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.job import Scope
from paddock.wire.envelope import (
    MAX_BODY,
    BadSignature,
    Envelope,
    EnvelopeError,
    Malformed,
    Signature,
    Unsigned,
    check_bounds,
    check_names,
    payload_type,
    seal,
    unseal,
)
from paddock.wire.keys import Signer, Verifier
from paddock.wire.messages import Beat, Decoder, Directive, JobOrder, Limits, encode

JOB = Signer(b"j" * 32, "job")
DIRECTIVE = Signer(b"d" * 32, "directive")
OTHER = Signer(b"o" * 32, "job")
KEYS = {signer.keyid: Verifier(signer.public, signer.role) for signer in (JOB, DIRECTIVE)}
BODY = b'{"hello":"world"}'


def opened(envelope: Envelope) -> bytes:
    return unseal(envelope, "job", KEYS, "job")


def changed(envelope: Envelope, **fields: Any) -> Envelope:
    return msgspec.structs.replace(envelope, **fields)


def test_what_was_sealed_is_what_is_opened() -> None:
    assert opened(seal(BODY, "job", JOB)) == BODY


@given(st.binary(max_size=200), st.data())
def test_no_byte_of_body_or_signature_can_be_flipped(body: bytes, data: st.DataObject) -> None:
    envelope = seal(body, "job", JOB)
    signature = bytearray(base64.b64decode(envelope.signatures[0].sig))
    at, bit = data.draw(st.integers(0, len(signature) - 1)), 1 << data.draw(st.integers(0, 7))
    signature[at] ^= bit
    bad = changed(envelope, signatures=(Signature(JOB.keyid, base64.b64encode(bytes(signature)).decode()),))
    with pytest.raises(BadSignature):
        opened(bad)
    if body:
        flipped = bytearray(body)
        flipped[data.draw(st.integers(0, len(body) - 1))] ^= bit
        with pytest.raises(BadSignature):
            opened(changed(envelope, payload=base64.b64encode(bytes(flipped)).decode()))


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_an_envelope_with_any_byte_changed_is_refused_or_means_the_same(at: int, by: int) -> None:
    raw = bytearray(msgspec.json.encode(seal(BODY, "job", JOB)))
    raw[at % len(raw)] ^= by
    try:
        body = opened(msgspec.json.decode(bytes(raw), type=Envelope))
    except (msgspec.DecodeError, UnicodeDecodeError, EnvelopeError):
        return
    assert body == BODY


def test_another_purpose_role_or_key_does_not_open_it() -> None:
    with pytest.raises(Malformed, match="expected a job"):
        opened(seal(BODY, "directive", DIRECTIVE))
    with pytest.raises(Unsigned):  # the directive key signs something that calls itself a job
        opened(seal(BODY, "job", DIRECTIVE))
    with pytest.raises(Unsigned):
        opened(seal(BODY, "job", OTHER))
    stolen = changed(seal(BODY, "job", OTHER), signatures=(Signature(JOB.keyid, _sig(seal(BODY, "job", OTHER))),))
    with pytest.raises(BadSignature):  # a foreign signature under the right key's name
        opened(stolen)
    with pytest.raises(BadSignature):  # the type is part of what is signed
        opened(changed(seal(BODY, "directive", JOB), payload_type=payload_type("job")))


def _sig(envelope: Envelope) -> str:
    return envelope.signatures[0].sig


def test_one_bad_signature_of_a_known_key_spoils_a_good_one() -> None:
    good = seal(BODY, "job", JOB)
    with pytest.raises(Unsigned):
        opened(changed(good, signatures=()))
    with pytest.raises(BadSignature):
        opened(changed(good, signatures=(*good.signatures, Signature(JOB.keyid, "A" * 86 + "=="))))
    assert opened(changed(good, signatures=(Signature("job-unknown", "AAAA"), *good.signatures))) == BODY


@pytest.mark.parametrize("payload", ["", "!!!!", "YQ", "YWJj\n", "ÿÿÿÿ", "A" * (512 * 1024 + 1)])
def test_base64_that_does_not_decode_strictly_is_refused(payload: str) -> None:
    with pytest.raises(EnvelopeError):
        opened(changed(seal(BODY, "job", JOB), payload=payload))
    with pytest.raises(EnvelopeError):
        opened(changed(seal(BODY, "job", JOB), signatures=(Signature(JOB.keyid, payload),)))


ORDER = JobOrder(
    job="j1",
    name="n",
    kind="noop",
    project="p",
    agent="a1",
    agent_key="k",
    generation=1,
    attempt=1,
    epoch=1,
    nonce="0" * 32,
    nbf=1,
    exp=2,
    payload={},
    scope=Scope(),
    limits=Limits(wall_s=1),
)


def altered(**fields: Any) -> bytes:
    return json.dumps({**json.loads(encode(ORDER)), **fields}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xef\xbb\xbf" + encode(ORDER),
        encode(ORDER) + b" {}",
        encode(ORDER) + b"\0",
        encode(ORDER)[:-1] + b',"job":"j2"}',
        encode(ORDER).decode().encode("utf-16"),
        altered(surprise=1),
        altered(epoch=10**23),
        altered(epoch=0),
        altered(epoch=-1),
        altered(epoch=1.5),
        altered(epoch="1"),
        altered(v=2),
        altered(payload={"a": {"b": 1}}).replace(b'{"b": 1}', b'{"b": 1, "b": 2}'),
        altered(payload=[]),
        altered(job=""),
        altered(job="j" * 65),
        altered(scope={"files": {"write": ["**"], "read": ["/"]}}),
        altered(nonce="\ud800" * 20),
        b'{"payload":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
        b"[" * 100_000,
        b'{"a":' + b"9" * 100_000 + b"}",
        altered(payload={"x": "y" * MAX_BODY}),
        altered(exp=float("nan")),
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_decoders_could_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        Decoder(JobOrder).decode(body)


def test_the_order_itself_is_fine() -> None:
    assert Decoder(JobOrder).decode(encode(ORDER)) == ORDER


@given(st.binary(max_size=300))
def test_no_bytes_crash_a_decoder(body: bytes) -> None:
    for kind in (JobOrder, Beat, Directive):
        with pytest.raises(Malformed):
            Decoder(kind).decode(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(json_values)
def test_any_plain_json_has_a_shape(value: object) -> None:
    body = msgspec.json.encode(value) if not _huge(value) else b"0"
    check_bounds(body)
    check_names(body)


def _huge(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_huge, value))
    if isinstance(value, dict):
        return any(map(_huge, value.values()))
    return isinstance(value, int) and not -(2**63) <= value < 2**64
