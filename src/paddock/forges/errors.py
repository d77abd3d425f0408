"""What can go wrong with a forge, as the gateway acts on it."""

from paddock.core.errors import Conflict, PaddockError, Refused


class ForgeError(PaddockError):
    """The forge did not do what it was asked."""

    code = "forge_error"
    status = 502


class ForgeUnreachable(ForgeError):
    """The forge does not answer."""

    code = "forge_unreachable"
    retryable = True
    status = 503
    hint = "it is tried again, later each time"


class ForgeBusy(ForgeError):
    """The forge's rate limit is reached."""

    code = "forge_busy"
    retryable = True
    status = 503

    def __init__(self, message: str = "", *, until: int = 0) -> None:
        super().__init__(message)
        # Epoch milliseconds before which nothing is asked of it.
        self.until = until


class ForgeDenied(ForgeError):
    """The forge does not take the token, or the token may not do this."""

    code = "forge_denied"
    hint = "`paddock project forge PROJECT --forge-token-file FILE` sets another token"


class ForgeMissing(ForgeError):
    """The forge knows no such thing, or hides it from this token."""

    code = "forge_missing"


class ForgeRefused(ForgeError):
    """The forge refused the request."""

    code = "forge_refused"
    # The HTTP status of its answer.
    answered: int = 0


class NotMergeable(Conflict):
    """The forge does not merge it."""

    code = "not_mergeable"


class HeadMoved(Conflict):
    """The branch is not at the commit that was approved."""

    code = "head_moved"


class BadWebhook(Refused):
    """The webhook is not signed with the project's secret."""

    code = "bad_webhook"
    status = 401
