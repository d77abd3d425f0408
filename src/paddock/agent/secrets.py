"""The values of the secrets that a run is lent: from files of the host that only the agent can read, or the order."""

import os
import stat
from pathlib import Path

from paddock.core.errors import BadInput, PaddockError
from paddock.core.policy_scope import Effective
from paddock.core.secrets import MAX_BYTES, check_value
from paddock.wire.keys import Signer
from paddock.wire.messages import JobOrder
from paddock.wire.sealing import open_values


class SecretMissing(PaddockError):
    """A secret that the job names cannot be had here."""

    code = "secret_missing"


def lend(order: JobOrder, fence: Effective, key: Signer | None) -> dict[str, str]:
    """The values of a job's secrets by name; `key` opens what the control plane sealed.

    Raises: SecretMissing, Malformed.
    """
    if not fence.secrets:
        return {}
    given = open_values(key, order.secrets, order.job, order.epoch) if key is not None else {}
    return {name: _value(name, secret.file, given) for name, secret in fence.secrets.items()}


def _value(name: str, file: str, given: dict[str, str]) -> str:
    if not file and name not in given:
        raise SecretMissing(
            f"the control plane sent no secret {name} with the job", hint=f"paddock secret set {name} --project …"
        )
    try:
        return check_value(read(Path(file)) if file else given[name], name)
    except BadInput as error:
        raise SecretMissing(error.message, hint=error.hint) from None


def read(path: Path) -> str:
    """A secret's file, which only the agent's user may read. Raises: SecretMissing."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SecretMissing(f"the secret's file {path} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o077:
            raise SecretMissing(
                f"the secret's file {path} can be read by others than the agent's user", hint=f"chmod 600 {path}"
            )
        return os.read(handle, MAX_BYTES + 2).decode()
    except UnicodeDecodeError:
        raise SecretMissing(f"the secret's file {path} holds no text") from None
    finally:
        os.close(handle)
