"""What calls raise. Each has the server's `code`, a message, a hint and the HTTP status."""

# The code of an answer that brought none, as who is no control plane gives.
NO_CODE = "error"


class ClientError(Exception):
    """The call failed."""

    def __init__(self, message: str, *, code: str = NO_CODE, hint: str = "", status: int = 0) -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.code = code
        self.hint = hint
        self.status = status


class Unreachable(ClientError):
    """Nothing answers, or not in time, or it has too much to do: a write may or may not have been made."""


class NotFound(ClientError):
    """There is no such thing."""


class TooLarge(ClientError):
    """The value is larger than one may be."""


class Full(ClientError):
    """The owner has as many keys, bytes or topics as it may have."""


class Stale(ClientError):
    """This attempt no longer holds its job: another one does. Stop; nothing that it writes is taken."""


class Conflict(ClientError):
    """The key is not what the call expected.

    `etag` is the revision that stands there, empty when there is none. `in_doubt` says that the write was sent more
    than once, because an answer was lost, so that it may have been made and written over since.
    """

    def __init__(
        self, message: str, *, etag: str = "", in_doubt: bool = False, code: str = "", status: int = 0
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.etag = etag
        self.in_doubt = in_doubt


_BY_STATUS: dict[int, type[ClientError]] = {404: NotFound, 413: TooLarge, 429: Unreachable, 503: Unreachable}
_BY_CODE: dict[str, type[ClientError]] = {
    "value_too_large": TooLarge,
    "events_too_large": TooLarge,
    "state_full": Full,
    "topics_full": Full,
    "stale_lease": Stale,
    "stale_session": Stale,
}


def error_of(status: int, told: object, etag: str, *, resent: bool) -> ClientError:
    """The error that an answer stands for; `told` is its JSON."""
    facts = told.get("error") if isinstance(told, dict) else None
    given = facts if isinstance(facts, dict) else {}
    code, message = str(given.get("code", NO_CODE)), str(given.get("message", f"the server answers {status}"))
    if status == 412:
        return Conflict(message, etag=etag, in_doubt=resent, code=code, status=status)
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status, ClientError)
    return kind(message, code=code, hint=str(given.get("hint", "")), status=status)
