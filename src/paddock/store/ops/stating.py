"""What jobs remember: keys by owner with compare-and-set, and large values by digest, in parts."""

from paddock.core.errors import Conflict, NotFound, Stale
from paddock.core.state import Bounds, Overtaken, PreconditionFailed, StateFull, TooManyUploads, ValueTooLarge
from paddock.store.ops.work import Work, record, records
from paddock.store.statements import Row, Tx
from paddock.store.stating import Blob, Entry, Head, NewValue, Place

# Uploads that one attempt may have open, and all operators together.
MOST_UPLOADS = 4
MOST_OF_OPERATORS = 64
# Rows of each sort that one sweep deletes.
SWEEP = 200
OPERATORS = "operators"


def owner_of(tx: Tx, place: Place) -> dict[str, str]:
    """Space and owner; for an attempt they follow from its lease, which is looked at here and now.

    Raises: Stale.
    """
    lease = place.lease
    if lease is None:
        return {"space": place.space, "owner": place.owner}
    row = tx.one("state_fence", job=lease.job, epoch=lease.epoch, session=lease.session, agent=lease.agent)
    if row is None:
        raise Stale()
    owners = {"job": lease.job, "agent": lease.agent, "project": row["project"]}
    return {"space": place.space, "owner": owners[place.space]}


def _in_turn(work: Work, place: Place) -> None:
    """Sees to it that an attempt's writes take effect in the order in which it made them.

    Its agent sends a write again, to another replica, when no answer comes. The first one may still be on its way then,
    as when its replica hung, and must not undo what was written since. Raises: Overtaken.
    """
    lease = place.lease
    if lease is None or not lease.seq:
        return
    if not work.tx.run("state_turn", job=lease.job, epoch=lease.epoch, seq=lease.seq):
        raise Overtaken()


def get(tx: Tx, place: Place, key: str, now: int) -> Entry:
    """Raises: NotFound, Stale."""
    row = tx.one("state_entry", **owner_of(tx, place), key=key, now=now)
    if row is None:
        raise NotFound(f"no key {key!r}")
    return record(Entry, {**row, "value": bytes(row["value"])})


def keys(tx: Tx, place: Place, prefix: str, after: str, most: int, now: int) -> list[Head]:
    """Keys in their order. Raises: Stale."""
    where = owner_of(tx, place)
    return records(Head, tx.all("state_keys", **where, prefix=prefix, after=after, most=most, now=now))


def put(work: Work, place: Place, key: str, given: NewValue, bounds: Bounds) -> Head:
    """Raises: PreconditionFailed, StateFull, ValueTooLarge, NotFound, Stale, Overtaken."""
    tx = work.tx
    where = owner_of(tx, place)
    _in_turn(work, place)
    there = tx.one("state_head", **where, key=key, now=work.now)
    if there is not None and given.write_id and there["write_id"] == given.write_id:
        return record(Head, {"key": key, **{name: there[name] for name in there if name != "write_id"}})
    _check(key, there, given.match, given.absent)
    size = len(given.value)
    if given.digest:
        size = (seal(work, given.upload, given.digest) if given.upload else find(tx, given.digest)).size
        tx.run("blob_seen", digest=given.digest, now=work.now)
    if size > bounds.value:
        raise ValueTooLarge(f"a value has at most {bounds.value:,} bytes")
    _make_room(work, where, key, size, bounds)
    head = Head(
        key=key,
        revision=work.new_id("r"),
        type=given.type,
        size=size,
        digest=given.digest or None,
        expires=work.now + given.ttl if given.ttl else None,
        updated=work.now,
    )
    row = {name: getattr(head, name) for name in head.__struct_fields__}
    tx.run("state_put", **where, **row, write_id=given.write_id, value=given.value)
    if place.lease is None:
        _tell(work, "state.set", where, key, bytes=size)
    return head


def _check(key: str, there: Row | None, match: str, absent: bool) -> None:
    if absent and there is not None:
        raise PreconditionFailed(f"{key!r} is there already", etag=there["revision"])
    if match and there is None:
        raise PreconditionFailed(f"{key!r} is not there")
    if there is not None and match not in ("", "*", there["revision"]):
        raise PreconditionFailed(f"{key!r} has changed", etag=there["revision"])


def _make_room(work: Work, where: dict[str, str], key: str, size: int, bounds: Bounds) -> None:
    """Lets go of the value that the key had, and counts the new one in."""
    before = _forget(work, where, key)
    if not _fits(work.tx, where, size, bounds):
        for row in work.tx.all("state_expired_of", **where, now=work.now, most=SWEEP):
            if row["key"] != key:
                _remove(work, where, row["key"])
    # What grows neither in keys nor in bytes is always taken.
    if not _fits(work.tx, where, size, bounds) and (before is None or size > before):
        told = f"at most {bounds.keys:,} keys and {bounds.owner:,} bytes"
        raise StateFull(f"the {where['space']} has as much state as it may have: {told}")
    work.tx.run("state_owner_add", **where, keys=1, bytes=size)


def _fits(tx: Tx, where: dict[str, str], size: int, bounds: Bounds) -> bool:
    row = tx.one("state_owner", **where) or {"keys": 0, "bytes": 0}
    return bool(row["keys"] < bounds.keys and row["bytes"] + size <= bounds.owner)


def _forget(work: Work, where: dict[str, str], key: str) -> int | None:
    """Takes a key out of its owner's count; its size, or None when it is not there."""
    row = work.tx.one("state_row", **where, key=key)
    if row is None:
        return None
    work.tx.run("state_owner_add", **where, keys=-1, bytes=-row["size"])
    if row["digest"]:
        work.tx.run("blob_seen", digest=row["digest"], now=work.now)
    return int(row["size"])


def _remove(work: Work, where: dict[str, str], key: str) -> None:
    _forget(work, where, key)
    work.tx.run("state_delete", **where, key=key)


def delete(work: Work, place: Place, key: str, match: str) -> None:
    """Raises: NotFound, PreconditionFailed, Stale, Overtaken."""
    where = owner_of(work.tx, place)
    _in_turn(work, place)
    there = work.tx.one("state_head", **where, key=key, now=work.now)
    if there is None:
        raise NotFound(f"no key {key!r}")
    _check(key, there, match, absent=False)
    _remove(work, where, key)
    work.tx.run("state_owner_drop", **where)
    if place.lease is None:
        _tell(work, "state.deleted", where, key)


def _tell(work: Work, kind: str, where: dict[str, str], key: str, **more: int) -> None:
    job = where["owner"] if where["space"] == "job" else None
    work.journal(kind, job, None, **where, key=key, **more)


def _holder(place: Place) -> str:
    return OPERATORS if place.lease is None else f"{place.lease.job}.{place.lease.epoch}"


def upload_part(work: Work, place: Place, upload: str, start: int, data: bytes, bounds: Bounds) -> int:
    """Raises: ValueTooLarge, TooManyUploads, Conflict, Stale."""
    owner_of(work.tx, place)
    holder = _holder(place)
    found = work.tx.one("upload", upload=upload)
    if found is None:
        most = MOST_OF_OPERATORS if place.lease is None else MOST_UPLOADS
        if work.tx.value("uploads_open", holder=holder) >= most:
            raise TooManyUploads()
        work.tx.run("upload_begin", upload=upload, holder=holder, began=work.now)
        found = {"holder": holder, "size": 0}
    size = int(found["size"])
    if found["holder"] != holder:
        raise Conflict("the upload is another's")
    if size and start + len(data) == size:  # sent again
        return size
    if start != size:
        raise Conflict(f"the next part starts at {size}")
    if size + len(data) > bounds.value:
        raise ValueTooLarge(f"a value has at most {bounds.value:,} bytes")
    work.tx.run("part_add", upload=upload, start=start, data=data)
    work.tx.run("upload_grow", upload=upload, size=size + len(data))
    return size + len(data)


def upload_read(tx: Tx, upload: str, start: int) -> bytes:
    """The part that starts there; empty where there is none."""
    return bytes(tx.value("part_at", upload=upload, start=start) or b"")


def upload_drop(work: Work, place: Place, upload: str) -> None:
    """Forgets an upload of this caller's."""
    found = work.tx.one("upload", upload=upload)
    if found is not None and found["holder"] == _holder(place):
        _drop(work, upload)


def _drop(work: Work, upload: str) -> None:
    work.tx.run("upload_end", upload=upload)
    work.tx.run("parts_drop", upload=upload)


def find(tx: Tx, digest: str) -> Blob:
    """Raises: NotFound."""
    row = tx.one("blob", digest=digest)
    if row is None:
        raise NotFound(f"no value {digest}")
    return record(Blob, row)


def seal(work: Work, upload: str, digest: str) -> Blob:
    """Makes an upload a value; one that is there already stays. Raises: NotFound."""
    found = work.tx.one("upload", upload=upload)
    there = work.tx.one("blob", digest=digest)
    if there is not None and (found is not None or there["upload"] == upload):
        if found is not None:
            _drop(work, upload)
        work.tx.run("blob_seen", digest=digest, now=work.now)
        return record(Blob, there)
    if found is None:
        raise NotFound(f"no upload {upload}")
    work.tx.run("blob_add", digest=digest, upload=upload, size=found["size"], seen=work.now)
    work.tx.run("upload_end", upload=upload)
    return Blob(digest=digest, upload=upload, size=found["size"])


def due(tx: Tx, before: int, now: int) -> bool:
    """Whether a sweep would find anything."""
    return bool(tx.value("state_due", before=before, now=now))


def sweep(work: Work, before: int) -> int:
    """Deletes keys past their time, and uploads and large values that nothing has held since."""
    expired = work.tx.all("state_expired", now=work.now, most=SWEEP)
    for row in expired:
        where = {"space": row["space"], "owner": row["owner"]}
        _remove(work, where, row["key"])
        work.tx.run("state_owner_drop", **where)
    uploads = work.tx.all("uploads_old", before=before, most=SWEEP)
    for row in uploads:
        _drop(work, row["upload"])
    work.tx.run("state_turns_drop", most=SWEEP)
    unused = work.tx.all("blobs_unused", before=before, most=SWEEP // 10)
    for row in unused:
        work.tx.run("blob_drop", digest=row["digest"])
        work.tx.run("parts_drop", upload=row["upload"])
    return len(expired) + len(uploads) + len(unused)


def usage(tx: Tx) -> dict[str, dict[str, int]]:
    """What is stored, by space, and of large values."""
    out = {row.pop("space"): row for row in tx.all("state_usage")}
    return {**out, "large": tx.one("blob_usage") or {}}
