"""How each kind of job is run: the table from kind to runner."""

from collections.abc import Callable, Mapping

from paddock.runners import coding, command, merge, noop, review, review_fix, review_resolve, test_run
from paddock.runners.base import Run, RunFailed, Runner, Sink, Stop, outcome, stopped
from paddock.wire.messages import JobOrder, Outcome

# Kinds that are done in the moment they start: they touch nothing and need neither a task nor a box.
INSTANT: Mapping[str, Callable[[JobOrder], Outcome]] = {"noop": noop.run}

RUNNERS: Mapping[str, Runner] = {
    "command": command.run,
    "code.agent": coding.run,
    "test.run": test_run.run,
    "change.merge": merge.run,
    "review.run": review.run,
    "change.fix": review_fix.run,
    "change.resolve": review_resolve.run,
}

__all__ = ["INSTANT", "RUNNERS", "Run", "RunFailed", "Runner", "Sink", "Stop", "outcome", "stopped"]
