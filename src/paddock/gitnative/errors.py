"""What can go wrong between an agent and a remote that is all there is."""

from paddock.core.errors import BadInput, PaddockError, Stale


class TaskInvalid(BadInput):
    """The task file cannot be used."""

    code = "task_invalid"

    def __init__(self, words: str = "", *, path: str = "", line: int = 0, hint: str = "") -> None:
        where = f"{path}:{line}" if path else ""
        super().__init__(f"{where}: {words}" if where else words, hint=hint, where=where)
        self.words = words
        self.path = path
        self.line = line


class GitUnreachable(PaddockError):
    """The git remote does not answer."""

    code = "git_unreachable"
    retryable = True
    exit_code = 3
    hint = "check the address, the network, and that this user may read and push there without a prompt"


class GitRefused(PaddockError):
    """The git remote refused the push."""

    code = "git_refused"
    exit_code = 4
    hint = "the reason is the remote's own: a hook or a rule there"


class ClaimLost(Stale):
    """The claim is not held any more: another agent may have the task now."""

    code = "claim_lost"
    hint = "stop working on it; nothing that is written for it now counts"


class ProtocolChanged(PaddockError):
    """The repository has chosen another protocol meanwhile."""

    code = "protocol_changed"
    retryable = True
    hint = "try again: the next try goes by the new one"
