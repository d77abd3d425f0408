"""What jobs remember: values taken in parts, read in parts, for operators and for attempts that hold their lease."""

import hashlib
import secrets
from collections.abc import AsyncIterator

import msgspec

from paddock.control.plane import Control
from paddock.core.errors import NotFound, PaddockError, Stale
from paddock.core.state import (
    PART,
    SMALL,
    DigestMismatch,
    PreconditionFailed,
    check_digest,
    check_key,
    check_space,
    parse_type,
)
from paddock.store.stating import Blob, Entry, Head, Lease, NewValue, Place
from paddock.wire.logs import split
from paddock.wire.messages import Decoder
from paddock.wire.state import KeyInfo, StateAnswer, StateCall, join

# How long large values and uploads that nothing refers to are kept: readers and writers may be on their way.
GRACE_MS = 3_600_000
SWEEP_EVERY_MS = 60_000
# Attempts whose refusal the journal was told of, so that one that goes on asking does not fill it.
_MOST_TOLD = 10_000


_calls = Decoder(StateCall)


async def place_of(control: Control, space: str, ref: str) -> Place:
    """The place of an operator's request: a job or an agent by id or name, a project by name.

    Raises: BadInput, NotFound.
    """
    check_space(space)
    if space == "job":
        return Place(space=space, owner=(await control.store.job(ref)).id)
    if space == "agent":
        return Place(space=space, owner=(await control.store.agent(ref)).id)
    return Place(space=space, owner=(await control.store.project(ref)).name)


async def put(control: Control, place: Place, key: str, parts: AsyncIterator[bytes], given: NewValue) -> Head:
    """Sets a key to the bytes that come, or, where there are none, to the digest that is named.

    Raises: BadInput, PreconditionFailed, ValueTooLarge, StateFull, NotFound.
    """
    check_key(key)
    if given.digest:
        check_digest(given.digest)
        return await control.store.state_put(place, key, given, control.bounds, control.clock.now())
    store, upload, hasher, size, small = control.store, "", hashlib.sha256(), 0, b""
    try:
        async for part in cut(parts):
            if not size and len(part) <= SMALL:  # then it is the only one
                small = part
                continue
            upload = upload or _new_upload()
            hasher.update(part)
            size = await store.upload_part(place, upload, size, part, control.bounds, control.clock.now())
        large = {"digest": hasher.hexdigest(), "upload": upload} if upload else {"value": small}
        given = msgspec.structs.replace(given, **large)
        return await store.state_put(place, key, given, control.bounds, control.clock.now())
    except BaseException:
        if upload:
            await store.upload_drop(place, upload, control.clock.now())
        raise


def _new_upload() -> str:
    return f"u{secrets.token_hex(12)}"


async def cut(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in parts of one size; the last may be smaller."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PART:
            yield bytes(waiting[:PART])
            del waiting[:PART]
    if waiting:
        yield bytes(waiting)


async def put_blob(control: Control, digest: str, parts: AsyncIterator[bytes]) -> Blob:
    """Stores a large value under its digest. Raises: BadInput, DigestMismatch, ValueTooLarge."""
    check_digest(digest)
    place, upload, hasher, size = Place(space="job"), _new_upload(), hashlib.sha256(), 0
    try:
        async for part in cut(parts):
            hasher.update(part)
            size = await control.store.upload_part(place, upload, size, part, control.bounds, control.clock.now())
        if not size:
            raise DigestMismatch("a value that is stored by its digest has at least one byte")
        if hasher.hexdigest() != digest:
            raise DigestMismatch()
        return await control.store.blob_seal(upload, digest, control.clock.now())
    except BaseException:
        await control.store.upload_drop(place, upload, control.clock.now())
        raise


async def value_of(control: Control, entry: Entry) -> AsyncIterator[bytes]:
    """A key's value in parts."""
    if entry.digest is None:
        yield entry.value
        return
    async for part in blob_parts(control, await control.store.blob(entry.digest)):
        yield part


async def blob_parts(control: Control, blob: Blob) -> AsyncIterator[bytes]:
    """A large value's bytes."""
    at = 0
    while at < blob.size:
        part = await control.store.upload_read(blob.upload, at)
        if not part:
            raise NotFound("the value was deleted meanwhile")
        at += len(part)
        yield part


async def answer(control: Control, agent: str, body: bytes) -> bytes:
    """Answers an agent's call, whose signature was found to hold. Raises: Malformed."""
    head, data = split(body)
    told, value = await act(control, agent, _calls.decode(head), data)
    return join(told, value)


async def act(control: Control, agent: str, call: StateCall, data: bytes) -> tuple[StateAnswer, bytes]:
    """Answers an agent that acts for an attempt; whatever is refused is an answer too."""
    lease = Lease(job=call.job, epoch=call.epoch, session=call.session, agent=agent, seq=call.seq)
    try:
        return await _do(control, Place(space=call.space, lease=lease), call, data)
    except Stale as error:
        facts = {"epoch": call.epoch, "op": call.op, "space": call.space}
        await note_refusal(control, lease, "state.refused", facts)
        return _refusal(error), b""
    except PaddockError as error:
        return _refusal(error), b""


async def _do(control: Control, place: Place, call: StateCall, data: bytes) -> tuple[StateAnswer, bytes]:
    store, now = control.store, control.clock.now()
    if call.op == "list":
        found = await store.state_list(place, call.prefix, call.after, call.limit, now)
        return StateAnswer(keys=tuple(info(head) for head in found)), b""
    if call.op == "part":
        await store.upload_part(place, call.upload, call.offset, data, control.bounds, now)
        return StateAnswer(), b""
    if call.op == "drop":
        await store.upload_drop(place, call.upload, now)
        return StateAnswer(), b""
    check_key(call.key)
    if call.op == "delete":
        await store.state_delete(place, call.key, call.match, now)
        return StateAnswer(), b""
    if call.op == "put":
        head = await _put(control, place, call, data)
        return StateAnswer(etag=head.revision, found=info(head)), b""
    entry = await store.state_get(place, call.key, now)
    if call.match not in ("", entry.revision):
        raise PreconditionFailed("it was written meanwhile", etag=entry.revision)
    value = entry.value
    if call.op == "read" and entry.digest is not None:
        value = await store.upload_read((await store.blob(entry.digest)).upload, call.offset)
    return StateAnswer(etag=entry.revision, found=info(entry)), value


async def _put(control: Control, place: Place, call: StateCall, data: bytes) -> Head:
    if call.upload:
        check_digest(call.digest)
        await _verify(control, call.upload, call.digest)
    given = NewValue(
        value=data,
        digest=call.digest if call.upload else "",
        upload=call.upload,
        type=parse_type(call.type),
        match=call.match,
        absent=call.absent,
        ttl=call.ttl,
        write_id=call.write_id,
    )
    return await control.store.state_put(place, call.key, given, control.bounds, control.clock.now())


async def _verify(control: Control, upload: str, digest: str) -> None:
    """Reads an upload and holds it against its digest; parts never change once they are stored.

    Raises: DigestMismatch, unless the upload was sealed before and its key is written again.
    """
    hasher, at = hashlib.sha256(), 0
    while part := await control.store.upload_read(upload, at):
        hasher.update(part)
        at += len(part)
    if at and hasher.hexdigest() != digest:
        raise DigestMismatch()


def info(head: Head) -> KeyInfo:
    """A key as it is told."""
    return KeyInfo(
        key=head.key,
        revision=head.revision,
        type=head.type,
        size=head.size,
        digest=head.digest,
        expires=head.expires,
        updated=head.updated,
    )


def _refusal(error: PaddockError) -> StateAnswer:
    etag = error.etag if isinstance(error, PreconditionFailed) else ""
    return StateAnswer(
        status=error.status,
        code=error.code,
        message=error.message[:4_000],
        hint=error.hint,
        retryable=error.retryable,
        etag=etag,
    )


async def note_refusal(control: Control, lease: Lease, kind: str, facts: dict[str, object]) -> None:
    """Tells the journal, once, that an attempt went on after its lease."""
    known = (lease.job, lease.epoch)
    if known in control.state_refused:
        return
    if len(control.state_refused) >= _MOST_TOLD:
        control.state_refused.clear()
    control.state_refused.add(known)
    await control.store.note(kind, lease.job, lease.agent, facts, control.clock.now())


async def sweep(control: Control, now: int) -> None:
    """Deletes now and then what is past its time and what nothing refers to."""
    if now >= control.state_swept + SWEEP_EVERY_MS:
        control.state_swept = now
        await control.store.state_sweep(now - GRACE_MS, now)
