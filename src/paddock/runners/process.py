"""A job's process: its own group, closed stdin, streamed output, limits on time and on silence, and a sure end."""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass

from paddock.core.errors import PaddockError
from paddock.runners.base import Sink, Stop
from paddock.sandbox import Launch, started
from paddock.wire.messages import Limits

CHUNK = 1 << 16
GRACE_S = 5.0


class CannotStart(PaddockError):
    """The program cannot be started."""

    code = "cannot_start"


@dataclass(frozen=True)
class Ended:
    """How a process ended: `why` is `exit`, `timeout`, `silence` or a stop's reason."""

    exit_code: int
    why: str
    # Whether the program itself ran; a box that could not be made ends before.
    began: bool = True


async def run_process(launch: Launch, limits: Limits, log: Sink, stop: Stop) -> Ended:
    """Runs a launch to its end. Whatever ends it, no process of its group is left behind.

    Raises: CannotStart.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *launch.argv,
            **launch.options(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=CHUNK * 2,
        )
    except OSError as error:
        raise CannotStart(f"{launch.argv[0]}: {error.strerror}") from None
    finally:
        report = launch.reports()
        launch.close()
    try:
        why = await _watch(process, limits, log, stop)
    finally:
        await _end(process)
        began = _began(report)
    return Ended(process.returncode if process.returncode is not None else -1, why, began)


def _began(report: int) -> bool:
    """What a box reported, now that nobody writes to it any more."""
    if report < 0:
        return True
    try:
        os.set_blocking(report, False)
        return started(os.read(report, CHUNK))
    except BlockingIOError:
        return True
    finally:
        os.close(report)


async def _watch(process: asyncio.subprocess.Process, limits: Limits, log: Sink, stop: Stop) -> str:
    """Streams the output until the process ends or something says that it must."""
    reader = asyncio.create_task(_read(process, limits.silence_s, log))
    stopper = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait((reader, stopper), timeout=limits.wall_s, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return "timeout"
        return reader.result() if reader in done else stop.why
    finally:
        for task in (reader, stopper):
            task.cancel()
        await asyncio.gather(reader, stopper, return_exceptions=True)


async def _read(process: asyncio.subprocess.Process, silence_s: int, log: Sink) -> str:
    assert process.stdout is not None
    while True:
        try:
            async with asyncio.timeout(silence_s or None):
                data = await process.stdout.read(CHUNK)
                if not data:
                    await process.wait()
                    return "exit"
        except TimeoutError:
            return "silence"
        log.write(data)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends the whole process group: asked first, made to after a grace."""
    if process.returncode is None:
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await process.wait()
    _signal(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
