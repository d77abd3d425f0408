"""The part of the contract about what jobs remember: keys by owner, and large values by digest."""

from typing import Protocol

from paddock.core.state import Bounds
from paddock.store.records import Record


class Lease(Record, frozen=True, kw_only=True):
    """The attempt that acts; whatever it asks for is refused as Stale unless it holds its job at that moment."""

    job: str
    epoch: int
    session: str
    agent: str
    # The number of this call among the attempt's own, which rises; 0 when it has none.
    seq: int = 0


class Place(Record, frozen=True, kw_only=True):
    """Whose keys: of an owner in a space. With a lease the owner is what that lease says, whatever stands here."""

    space: str
    owner: str = ""
    lease: Lease | None = None


class NewValue(Record, frozen=True, kw_only=True):
    """A value to be written; a large one is named by its digest, with its upload unless it is stored already.

    `match` is the revision it replaces (`*`: any), `absent` says that it replaces none. `ttl` is milliseconds, 0 for
    ever. A write that comes again with the `write_id` of the one that stands is answered as that one was; one that is
    late, after a later one of its attempt, is refused as Overtaken.
    """

    value: bytes = b""
    digest: str = ""
    upload: str = ""
    type: str = ""
    match: str = ""
    absent: bool = False
    ttl: int = 0
    write_id: str = ""


class Head(Record, frozen=True, kw_only=True):
    """A key without its value. Times are epoch milliseconds, `size` is bytes."""

    key: str
    revision: str
    type: str
    size: int
    digest: str | None = None
    expires: int | None = None
    updated: int


class Entry(Head, frozen=True, kw_only=True):
    """A key; `value` is empty when `digest` names it."""

    value: bytes


class Blob(Record, frozen=True, kw_only=True):
    """A large value's size in bytes, and the upload that its parts have."""

    digest: str
    upload: str
    size: int


class StateStore(Protocol):
    """Times are epoch milliseconds."""

    async def state_get(self, place: Place, key: str, now: int) -> Entry:
        """Raises: NotFound, Stale."""

    async def state_put(self, place: Place, key: str, given: NewValue, bounds: Bounds, now: int) -> Head:
        """Raises: PreconditionFailed, StateFull, NotFound for a digest that is not stored, Stale, Overtaken."""

    async def state_delete(self, place: Place, key: str, match: str, now: int) -> None:
        """Raises: NotFound, PreconditionFailed, Stale, Overtaken."""

    async def state_list(self, place: Place, prefix: str, after: str, most: int, now: int) -> list[Head]:
        """Keys in their order, from behind one on. Raises: Stale."""

    async def upload_part(self, place: Place, upload: str, start: int, data: bytes, bounds: Bounds, now: int) -> int:
        """Takes the next part of an upload, which its first part begins, and returns the size after it.

        Raises: ValueTooLarge, TooManyUploads, Conflict for a part out of turn, Stale.
        """

    async def upload_read(self, upload: str, start: int) -> bytes:
        """The part that starts there; empty where there is none."""

    async def upload_drop(self, place: Place, upload: str, now: int) -> None:
        """Forgets an upload of this caller's."""

    async def blob_seal(self, upload: str, digest: str, now: int) -> Blob:
        """Makes an upload, whose bytes were found to have this digest, a value; one that is there already stays."""

    async def blob(self, digest: str) -> Blob:
        """Raises: NotFound."""

    async def state_sweep(self, before: int, now: int) -> int:
        """Deletes keys past their time, and uploads and large values that nothing has held since `before`.

        Returns how many, at most a few hundred at a time.
        """

    async def state_usage(self) -> dict[str, dict[str, int]]:
        """What is stored: by space owners, keys and bytes, and of large values how many and their bytes."""
