"""How each kind of job is run: the table from kind to runner."""

from collections.abc import Mapping

from paddock.runners import command, merge, noop, test_run
from paddock.runners.base import Run, RunFailed, Runner, Sink, Stop, outcome, stopped

RUNNERS: Mapping[str, Runner] = {
    "noop": noop.run,
    "command": command.run,
    "test.run": test_run.run,
    "change.merge": merge.run,
}

__all__ = ["RUNNERS", "Run", "RunFailed", "Runner", "Sink", "Stop", "outcome", "stopped"]
