"""A job's process: its own group, closed stdin, streamed output, limits on time and on silence, and a sure end."""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from typing import Any

from paddock.core.errors import PaddockError
from paddock.runners.base import Sink, Stop, Talk
from paddock.sandbox import Launch, started
from paddock.wire.messages import Limits

CHUNK = 1 << 16
GRACE_S = 5.0
# Bytes that a run may leave unread of what it is told.
MOST_UNREAD = 1 << 20


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

    @property
    def absent(self) -> bool:
        """Whether, on a host that contains, the program was not in its box to be run."""
        return not self.began and self.why == "exit" and self.exit_code > 0  # by a signal it may have begun before


async def run_process(launch: Launch, limits: Limits, log: Sink, stop: Stop, talk: Talk | None = None) -> Ended:
    """Runs a launch to its end. Whatever ends it, no process of its group is left behind.

    With `talk` its standard streams are a conversation; the log gets what it prints to its standard error.

    Raises: CannotStart.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *launch.argv,
            **launch.options() | _streams(talk),
            stdout=asyncio.subprocess.PIPE,
            limit=CHUNK * 2,
        )
    except OSError as error:
        raise CannotStart(f"{launch.argv[0]}: {error.strerror}") from None
    finally:
        report = launch.reports()
        launch.close()
    try:
        why = await _watch(process, limits, log, stop, talk)
    finally:
        await _end(process)
        began = _began(report)
    if talk is not None and why == "exit":
        talk.close()
        return Ended(talk.exit_code, why, began)
    return Ended(process.returncode if process.returncode is not None else -1, why, began)


def _streams(talk: Talk | None) -> dict[str, Any]:
    if talk is None:
        return {"stderr": asyncio.subprocess.STDOUT}
    return {"stdin": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}


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


async def _watch(process: asyncio.subprocess.Process, limits: Limits, log: Sink, stop: Stop, talk: Talk | None) -> str:
    """Streams the output until the process ends or something says that it must."""
    reader = asyncio.create_task(_read(process, limits.silence_s, talk or log))
    stopper = asyncio.create_task(stop.wait())
    tasks: set[asyncio.Task[Any]] = {reader, stopper}
    if talk is not None:
        tasks |= {asyncio.create_task(_converse(process, talk)), asyncio.create_task(_errors(process, log, stop))}
    try:
        done, _ = await asyncio.wait(tasks, timeout=limits.wall_s, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return "timeout"
        if stopper in done:
            return stop.why
        return reader.result() if reader in done else "exit"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _converse(process: asyncio.subprocess.Process, talk: Talk) -> None:
    """Returns when the conversation is over and the program, which hears of no more, has had time to end."""
    stdin = process.stdin
    assert stdin is not None

    def say(data: bytes) -> bool:
        if stdin.is_closing() or stdin.transport.get_write_buffer_size() > MOST_UNREAD:
            return False
        stdin.write(data)
        return True

    talk.open(say)
    await talk.over.wait()
    stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GRACE_S):
            await process.wait()


async def _errors(process: asyncio.subprocess.Process, log: Sink, stop: Stop) -> None:
    """Logs what comes on the standard error, until it is ended with the rest."""
    assert process.stderr is not None
    while data := await process.stderr.read(CHUNK):
        log.write(data)
    await stop.wait()


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
