"""Looks at what is left after chaos: merges in the history, accepted attempts, processes of a run."""

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

from support.fleet import Fleet


def merges(fleet: Fleet) -> list[str]:
    """The jobs that the first-parent line of the branch names as merged, oldest first, as often as it names them."""
    form = "--format=%(trailers:key=Paddock-Job,valueonly,separator=%x2c)"
    return [line for line in fleet.repo.git("log", "--first-parent", "--reverse", form, "main").split("\n") if line]


def accepted(job: dict[str, Any]) -> list[int]:
    """The epochs of a job whose outcome was taken as done."""
    return [attempt["epoch"] for attempt in job["attempts"] if attempt["state"] == "done"]


def said(job: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The facts of a job's journal entries of this type, in order."""
    return [event["data"] for event in job["journal"] if event["type"] == kind]


def label(fleet: Fleet, job: str, epoch: int) -> str:
    """The label that every process of a run carries."""
    found: str = json.loads((fleet.work / "jobs" / f"{job}-{epoch}" / "job.json").read_bytes())["token"]
    return found


def labelled(token: str) -> list[int]:
    """Processes that carry a run's label, in their command line or their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if token.encode() in (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def end_wait(token: str, *argv: str) -> None:
    """Ends the one process of a run that is this very command, so that the run's script goes on behind it."""
    wanted = b"".join(part.encode() + b"\0" for part in argv)
    [pid] = [pid for pid in labelled(token) if Path(f"/proc/{pid}/cmdline").read_bytes() == wanted]
    os.kill(pid, signal.SIGTERM)
