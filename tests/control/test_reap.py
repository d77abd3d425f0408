"""The reaper outlives a store that could not write for a while."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from paddock.control import reap
from paddock.control.plane import Control
from paddock.control.reap import Reaper
from paddock.store.engine import StoreUnavailable
from support.signers import signer_of


async def test_a_round_that_fails_is_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    control = await Control.open(tmp_path, signer=signer_of(tmp_path))
    real, again = control.store.expire, asyncio.Event()

    async def room_again(now: int) -> Sequence[str]:
        again.set()
        return await real(now)

    async def full_disk(now: int) -> Sequence[str]:
        monkeypatch.setattr(control.store, "expire", room_again)
        raise StoreUnavailable(f"the store cannot write at {now}")

    monkeypatch.setattr(reap, "CARE_S", 0.05)
    monkeypatch.setattr(control.store, "expire", full_disk)
    control.note_leases("a-somebody", 1)
    reaper = Reaper(control)
    reaper.start()
    try:
        async with asyncio.timeout(60):
            await again.wait()
    finally:
        await reaper.stop()
        await control.close()


async def test_a_reaper_that_rests_is_drawn_near_by_a_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reap, "REST_S", 3_600.0)
    control = await Control.open(tmp_path, signer=signer_of(tmp_path), beat_ms=36_000_000)
    rests, cared = asyncio.Event(), asyncio.Event()
    set_alarm = control.alarm.set

    def note_rest(seconds: float) -> None:
        set_alarm(seconds)
        if seconds > 20:
            rests.set()

    async def expire(_now: int) -> Sequence[str]:
        cared.set()
        return []

    monkeypatch.setattr(control.alarm, "set", note_rest)
    monkeypatch.setattr(control.store, "expire", expire)
    reaper = Reaper(control)
    reaper.start()
    try:
        async with asyncio.timeout(60):  # less than it means to rest
            await rests.wait()
            control.note_leases("a-somebody", 1)
            await cared.wait()
    finally:
        await reaper.stop()
        await control.close()
