"""A job's process: output in order, limits that hold, and nothing left behind."""

import asyncio
from pathlib import Path

import pytest

from paddock.runners.base import Stop
from paddock.runners.process import CannotStart, Ended, run_process
from paddock.sandbox import Launch
from paddock.wire.messages import Limits
from support.wait import gone


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.data = b""
        self.came = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.data += data
        self.came.set()


def launch(*argv: str) -> Launch:
    return Launch(argv, env={"PATH": "/usr/bin:/bin"}, cwd=Path("/"), contained=False)


async def run(limits: Limits, *argv: str, stop: Stop | None = None) -> tuple[Ended, Kept]:
    kept = Kept()
    return await run_process(launch(*argv), limits, kept, stop or Stop()), kept


async def test_output_of_a_megabyte_comes_whole_and_in_order() -> None:
    ended, kept = await run(Limits(wall_s=30), "/bin/sh", "-c", "seq 1 150000; exit 3")
    assert ended == Ended(3, "exit")
    assert kept.data == b"".join(b"%d\n" % n for n in range(1, 150_001))


async def test_a_run_past_its_time_is_ended_with_all_its_children() -> None:
    ended, kept = await run(Limits(wall_s=2), "/bin/sh", "-c", "sleep 600 & echo $!; wait")
    assert ended.why == "timeout"
    # On a machine that was busy for those seconds nothing had begun yet.
    assert all(gone(int(pid)) for pid in kept.data.split())


async def test_silence_counts_as_hung() -> None:
    ended, kept = await run(Limits(wall_s=30, silence_s=1), "/bin/sh", "-c", "echo one; sleep 60")
    assert ended.why == "silence" and kept.data in (b"one\n", b"")


async def test_an_order_to_stop_ends_the_group_and_gives_its_reason() -> None:
    stop = Stop()
    kept = Kept()
    running = asyncio.create_task(
        run_process(launch("/bin/sh", "-c", "sleep 60 & echo $!; wait"), Limits(wall_s=60), kept, stop)
    )
    async with asyncio.timeout(60):
        await kept.came.wait()
    stop.order("cancel")
    stop.order("stale")
    ended = await running
    assert ended.why == "cancel"
    assert gone(int(kept.data.split()[0]))


async def test_one_that_ignores_the_polite_signal_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paddock.runners.process.GRACE_S", 0.3)
    async with asyncio.timeout(60):
        ended, _ = await run(Limits(wall_s=1), "/bin/sh", "-c", "trap '' TERM; while true; do sleep 0.1; done")
    assert ended.why == "timeout"


async def test_stdin_is_closed() -> None:
    ended, kept = await run(Limits(wall_s=10), "/bin/cat")
    assert (ended, kept.data) == (Ended(0, "exit"), b"")


async def test_a_program_that_is_not_there_is_told_by_name() -> None:
    with pytest.raises(CannotStart, match="/no/such/program"):
        await run(Limits(wall_s=1), "/no/such/program")
