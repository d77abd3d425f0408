"""The one exception tree. A class docstring is its message; each has a stable code and a hint."""

from typing import ClassVar


class PaddockError(Exception):
    """Something went wrong in Paddock."""

    code: ClassVar[str] = "error"
    hint: str = ""
    retryable: ClassVar[bool] = False
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    # Seconds after which it may be tried again; 0 when nobody can say.
    retry_after: int = 0

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").split("\n")[0])
        if hint:
            self.hint = hint

    @property
    def message(self) -> str:
        return str(self.args[0])


class BadInput(PaddockError):
    """The input cannot be used."""

    code = "bad_input"
    status = 400
    exit_code = 2

    def __init__(self, message: str = "", *, hint: str = "", where: str = "") -> None:
        super().__init__(message, hint=hint)
        # The place in the input, such as `jobs[1].scope`; empty when the message is about all of it.
        self.where = where


class NotFound(BadInput):
    """There is no such thing."""

    code = "not_found"
    status = 404


class Conflict(PaddockError):
    """The request does not fit the present state."""

    code = "conflict"
    status = 409


class Unauthorised(PaddockError):
    """The caller is not known or its proof does not hold."""

    code = "unauthorised"
    status = 401
    exit_code = 4


class Stale(PaddockError):
    """The writer does not hold the current lease: it was replaced and must stop."""

    code = "stale_lease"
    status = 409
    exit_code = 4
    hint = "another attempt holds this job now; nothing this one writes is taken"


class StaleSession(Stale):
    """A newer session of this agent has started: this process was replaced and must stop."""

    code = "stale_session"
    hint = "another process runs with this agent's state directory"


class Unreachable(PaddockError):
    """The control plane does not answer."""

    code = "unreachable"
    retryable = True
    status = 503
    exit_code = 3
    hint = "start one with `paddock up`, or name it with --server or PADDOCK_SERVER"


class Overloaded(PaddockError):
    """The control plane has more to do than it can at present; nothing was done."""

    code = "overloaded"
    retryable = True
    status = 503
    exit_code = 3
    hint = "try again in a moment"

    def __init__(self, message: str = "", *, hint: str = "", retry_after: int = 1) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Refused(PaddockError):
    """Refused."""

    code = "refused"
    status = 403
    exit_code = 4


def why(error: Exception) -> str:
    """What went wrong, in words: an error of the operating system without its number and its path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
