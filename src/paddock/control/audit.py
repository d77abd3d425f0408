"""The journal's chain: sealed in batches off everybody's way, signed, and held against what is stored."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from paddock.control.plane import Control
from paddock.core import chain
from paddock.core.chain import Fault, Seal
from paddock.core.errors import PaddockError
from paddock.store.base import Store
from paddock.store.chaining import Kept
from paddock.wire import audit
from paddock.wire.audit import Checkpoint
from paddock.wire.envelope import Envelope, EnvelopeError
from paddock.wire.keys import Verifier

_log = logging.getLogger("paddock.control")
# Seconds until what was journalled is sealed, at most, while the control plane is not behind.
SEAL_S = 60.0
# A long journal is sealed in at most a tenth of the time.
_REST = 9
# Seals that are looked at in one go.
_PAGE = 20


async def seal(control: Control) -> bool:
    """Seals the rows that were not, up to a batch of them; whether there may be more, as when another was first."""
    store = control.store
    last = await store.last_seal()
    before = last.seal if last else None
    rows = await store.rows(before.last if before else 0, await store.last_seq(), chain.BATCH)
    if not rows:
        control.checkpoint = _envelope(last) if last else None
        return False
    sealed = await asyncio.to_thread(chain.seal, before, rows, control.clock.now())
    checkpoint = await control.keys.seal(audit.body(sealed), "checkpoint")
    if not await store.add_seal(Kept(sealed, msgspec.json.encode(checkpoint).decode())):
        return True
    control.checkpoint = checkpoint
    return len(rows) == chain.BATCH


def _envelope(kept: Kept) -> Envelope:
    return msgspec.json.decode(kept.checkpoint, type=Envelope)


class Sealer:
    """One task beside the server."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts to seal."""
        self._task = asyncio.create_task(self._run(), name="sealer")

    async def stop(self) -> None:
        """Ends it; what is not sealed yet is sealed after the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            began = time.monotonic()
            more = False
            try:
                more = not self._control.pressure.behind() and await seal(self._control)
            except PaddockError as error:  # a store that cannot be written now may be again
                _log.warning("the journal was not sealed: %s", error.message, extra={"action": "seal.failed"})
            await asyncio.sleep(_REST * (time.monotonic() - began) if more else SEAL_S)


async def standing(control: Control) -> dict[str, Any]:
    """How far the journal is, how far it is sealed, and the newest checkpoint."""
    last = await control.store.last_seal()
    found: dict[str, Any] = {"rows": await control.store.last_seq(), "sealed": 0, "number": 0, "head": chain.GENESIS}
    if last is not None:
        found |= {"sealed": last.seal.last, "number": last.seal.number, "head": last.seal.head, "at": last.seal.at}
        found["checkpoint"] = msgspec.to_builtins(_envelope(last))
    return found


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a verification found: the first fault, if any; how much was looked at; rows that are not sealed yet."""

    fault: Fault | None
    seals: int
    rows: int
    last: int
    unsealed: int
    signatures: bool
    witnesses: int

    def view(self) -> dict[str, Any]:
        """As JSON."""
        fault = None if self.fault is None else self.fault._asdict()
        told = {"seals": self.seals, "rows": self.rows, "last": self.last, "unsealed": self.unsealed}
        return {"ok": fault is None, "fault": fault, **told, "signatures": self.signatures, "witnesses": self.witnesses}


async def verify(store: Store, keys: dict[str, Verifier], witnesses: Sequence[Checkpoint]) -> Report:
    """Holds every sealed row against its seal, every seal against the one before, its signature and the witnesses.

    Without keys no signature is looked at: then whoever can write the store could have made the whole chain anew.
    """
    known = {one.number: one for one in witnesses}
    before: Seal | None = None
    rows = seals = 0
    fault: Fault | None = None
    while fault is None and (page := await store.seals(before.number if before else 0, _PAGE)):
        for kept in page:
            fault = await _check(store, before, kept, keys, known)
            if fault is not None:
                break
            before, seals, rows = kept.seal, seals + 1, rows + kept.seal.rows
    last = before.last if before else 0
    end = await store.last_seq()
    if fault is None:
        fault = next((_gone(one, last) for one in witnesses if one.number > seals), None)
    unsealed = len(await store.rows(last, end, chain.BATCH)) if fault is None else 0
    return Report(
        fault=fault,
        seals=seals,
        rows=rows,
        last=last,
        unsealed=unsealed,
        signatures=bool(keys),
        witnesses=len(witnesses),
    )


async def _check(
    store: Store, before: Seal | None, kept: Kept, keys: dict[str, Verifier], known: dict[int, Checkpoint]
) -> Fault | None:
    given = kept.seal
    start = before.last if before else 0
    # One row more than it holds is enough to find one that was put in.
    rows = await store.rows(start, given.last, given.rows + 1)
    fault = await asyncio.to_thread(chain.check, before, given, rows)
    if fault is None and keys:
        fault = _signed(start + 1, kept, keys)
    witness = known.get(given.number)
    if fault is None and witness is not None and witness.head != given.head:
        fault = Fault(start + 1, given.number, "forked", "a witness was handed another head for this seal")
    return fault


def _signed(first: int, kept: Kept, keys: dict[str, Verifier]) -> Fault | None:
    given = kept.seal
    try:
        told = audit.read(_envelope(kept), keys)
    except (EnvelopeError, msgspec.MsgspecError) as error:
        return Fault(first, given.number, "unsigned", f"its checkpoint does not hold: {error}")
    if (told.number, told.last, told.at, told.head) != (given.number, given.last, given.at, given.head):
        return Fault(first, given.number, "unsigned", "its checkpoint is that of another seal")
    return None


def _gone(witness: Checkpoint, last: int) -> Fault:
    detail = f"a witness holds the checkpoint of seal {witness.number}, and the chain ends before it"
    return Fault(last + 1, witness.number, "missing", detail)
