"""Values that only one agent can open: sealed to its key, for one attempt at one job."""

import base64
import binascii
from collections.abc import Mapping

import msgspec
from nacl.exceptions import CryptoError
from nacl.public import SealedBox
from nacl.signing import VerifyKey

from paddock.wire.envelope import Malformed
from paddock.wire.keys import Signer


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is inside: values by name, and the attempt they are for."""

    job: str
    epoch: int
    values: dict[str, str]


def seal_values(public: bytes, job: str, epoch: int, values: Mapping[str, str]) -> str:
    """Values by name as base64 that only the owner of the Ed25519 key `public` can open."""
    body = msgspec.json.encode(_Sealed(job=job, epoch=epoch, values=dict(values)))
    return base64.b64encode(SealedBox(VerifyKey(public).to_curve25519_public_key()).encrypt(body)).decode()


def open_values(key: Signer, sealed: str, job: str, epoch: int) -> dict[str, str]:
    """The values that were sealed to this key for this attempt; none when nothing was.

    Raises: Malformed when they were sealed to another key or for another attempt.
    """
    if not sealed:
        return {}
    try:
        body = SealedBox(key.exchange()).decrypt(base64.b64decode(sealed, validate=True))
        found = msgspec.json.decode(body, type=_Sealed)
    except (CryptoError, binascii.Error, msgspec.MsgspecError, TypeError, ValueError):
        raise Malformed("the secrets of the order cannot be opened with this agent's key") from None
    if (found.job, found.epoch) != (job, epoch):
        raise Malformed("the secrets of the order are for another attempt")
    return found.values
