"""Whatever goes wrong in a run, an outcome comes of it."""

import logging

from paddock.core.errors import PaddockError, Unreachable
from paddock.runners import Sink
from paddock.sandbox import NotContained
from paddock.wire.messages import JobOrder, Outcome

_log = logging.getLogger("paddock.agent")
_LONGEST = 4_000


def outcome_of(error: Exception, order: JobOrder, log: Sink) -> Outcome:
    """How the attempt ended, told to its log as well. A box that cannot be made is the host's fault, nobody else's."""
    status, code = "failed", "internal"
    if isinstance(error, PaddockError):
        log.write(f"paddock: {error.message}\n".encode())
        detail = f"{error.message}. {error.hint}" if error.hint else error.message
        code = error.code
        if isinstance(error, Unreachable):  # nobody could say whether the work is still wanted
            status = "returned"
        if isinstance(error, NotContained):
            status, code = "refused", "not_capable"
    else:
        facts = {"action": "run.internal", "job": order.job, "epoch": order.epoch}
        _log.error("a runner failed", extra=facts, exc_info=error)
        detail = f"{type(error).__name__}: {error}"
    return Outcome(job=order.job, epoch=order.epoch, status=status, code=code, detail=detail[:_LONGEST])
