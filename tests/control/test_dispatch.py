"""The hint of what is ready may be wrong for a moment, never for good: no ready job is forgotten."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from paddock.control import dispatch
from paddock.control.plane import Control
from paddock.control.submit import add_project, submit
from support.signers import signer_of

LANE = "shop|noop|"


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[Control]:
    """A control plane with one project, which nothing drives."""
    control = await Control.open(home, signer=signer_of(home))
    try:
        await add_project(control, {"name": "shop", "repo": "/srv/shop.git", "branch": "main"})
        yield control
    finally:
        await control.close()


def jobs(*names: str) -> dict[str, Any]:
    return {"project": "shop", "jobs": [{"id": name, "kind": "noop", "payload": {}} for name in names]}


async def test_a_job_announced_while_the_lanes_are_read_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as control:
        real = control.store.lanes

        async def read_then_submit(now: int) -> dict[str, tuple[int, int | None]]:
            monkeypatch.setattr(control.store, "lanes", real)
            found = await real(now)
            await submit(control, jobs("late"))
            return found

        monkeypatch.setattr(control.store, "lanes", read_then_submit)
        await dispatch.refresh(control)
        assert control.stirred.is_set()
        await dispatch.refresh(control)
        assert control.lanes[LANE] == (1, None)


async def test_a_lane_counted_down_to_nothing_is_read_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as control:
        await submit(control, jobs("one", "two"))
        await dispatch.refresh(control)
        one = await control.store.job("one")
        # A read that had left the granted job out already, before the grant itself was noted.
        control.lanes[LANE] = (1, None)
        dispatch.consume(control, [one.lane])
        assert control.lanes[LANE] == (0, None)
        await dispatch.refresh(control)
        assert control.lanes[LANE] == (2, None)


def test_a_read_that_took_long_because_the_process_was_stopped_does_not_make_the_reaper_rest_for_long() -> None:
    assert dispatch.rest_after(0.01) == pytest.approx(0.09)
    assert dispatch.rest_after(7.7) == dispatch.rest_after(3_600) == 2.0
