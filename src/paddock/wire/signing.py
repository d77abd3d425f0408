"""Detached signatures over a request's raw body: the same bytes as in a DSSE envelope, without its base64 of the body.

An agent signs every POST: header `Paddock-Signature: <base64>`, over DSSE's encoding of the purpose and the raw body.
"""

import base64
import binascii
import hashlib
import hmac
import time

from paddock.core.errors import Unauthorised
from paddock.wire.envelope import pae, payload_type
from paddock.wire.keys import Signer, Verifier

AGENT_HEADER = "paddock-agent"
SIGNATURE_HEADER = "paddock-signature"


class NotSigned(Unauthorised):
    """The request's signature does not hold."""


def sign(body: bytes, purpose: str, signer: Signer) -> str:
    """The header's value for this body."""
    return base64.b64encode(signer.sign(pae(payload_type(purpose), body))).decode()


def verify(body: bytes, signature: str, purpose: str, key: Verifier) -> None:
    """Raises: NotSigned."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise NotSigned("the request's signature does not decode") from None
    if not key.holds(pae(payload_type(purpose), body), raw):
        raise NotSigned()


class Bearers:
    """Short-lived tokens that open the wake channel, and nothing that changes state: `agent.session.expires.mac`."""

    LIFETIME_S = 900

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, agent: str, session: str) -> str:
        """A token for this session, good for 15 minutes."""
        text = f"{agent}.{session}.{int(time.time()) + self.LIFETIME_S}"
        return f"{text}.{self._mac(text)}"

    def check(self, token: str) -> tuple[str, str]:
        """The (agent, session) behind a token.

        Raises: Unauthorised.
        """
        text, _, mac = token.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(text).encode()):
            raise Unauthorised("the bearer does not hold")
        agent, session, expires = text.split(".")
        if int(expires) < time.time():
            raise Unauthorised("the bearer has expired")
        return agent, session

    def _mac(self, text: str) -> str:
        return hmac.digest(self._secret, text.encode(), hashlib.sha256).hex()
