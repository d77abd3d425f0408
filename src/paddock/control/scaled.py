"""Opens a control plane as one of several on a database server."""

import logging
from dataclasses import dataclass
from pathlib import Path

from paddock.bus.connect import connect
from paddock.control.clock import Clock, SharedClock
from paddock.control.keys import open_keys
from paddock.control.logs import SharedLogs
from paddock.control.plane import Control
from paddock.control.redacted_logs import RedactedLogs
from paddock.control.replica import Replica
from paddock.core.errors import BadInput
from paddock.store.base import Store

_log = logging.getLogger("paddock.control")
# A machine whose clock is further off than this from the store's is told so.
SKEW_MS = 2_000


@dataclass(frozen=True)
class Shared:
    """What replicas share: the store's address, the bus's (the store's where none is given), and the signer's."""

    store: str
    bus: str
    signer: str


async def open_scaled(home: Path, shared: Shared, *, beat_ms: int = 60_000, lease_ms: int = 0) -> Control:
    """Opens the store and the bus; nothing that matters is kept in the home.

    Raises: BadInput, StoreUnavailable, NewerSchema, BusUnavailable, SignerGone, BadKey, OtherKeys.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = await _open_store(shared.store)
    try:
        control = await _replica(home, store, shared, beat_ms, lease_ms)
    except BaseException:
        await store.close()
        raise
    try:
        await control.load()
        await store.keep(control.lease_ms, control.clock.now())
        await store.advance_changes(control.clock.now())
    except BaseException:
        await control.close()
        raise
    return control


async def _replica(home: Path, store: Store, shared: Shared, beat_ms: int, lease_ms: int) -> Control:
    first = await store.pulse()
    clock = SharedClock(first.clock)
    if abs(skew := clock.now() - Clock().now()) > SKEW_MS:
        _log.warning(
            "this machine's clock is %+d ms off the store's, which is used", -skew, extra={"action": "clock.off"}
        )
    control = Control(home, store, await open_keys(shared.signer, store, clock.now()), beat_ms, lease_ms)
    control.clock = clock
    control.logs = RedactedLogs(SharedLogs(store), control.vault.cover)
    control.bus = await connect(shared.bus or shared.store, control.keys.fleet)
    control.replica = Replica(control, first)
    return control


async def _open_store(address: str) -> Store:
    try:
        from paddock.store.postgres.driver import PostgresStore
    except ImportError as error:
        hint = "pip install 'paddock[scale]'"
        raise BadInput(f"the library for a store on PostgreSQL is not installed: {error.name}", hint=hint) from None
    return await PostgresStore.open(address)
