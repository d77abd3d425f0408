"""The licence as an agent keeps it: a JWT of one shape, signed with Ed25519 and bound to the agent's own key.

The algorithm is a matter of the key and never of the message: there is one header that is taken, byte for byte of its
meaning, and whatever names another algorithm, type or key is refused before anything in it is believed. Agents need no
library for this. Source: RFC 7515, RFC 7519, RFC 7800 (`cnf`), RFC 8037 (EdDSA).
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from paddock.core.licences import lets
from paddock.core.tokens import Binding
from paddock.wire.envelope import BadSignature, EnvelopeError, Malformed, Unsigned
from paddock.wire.keys import Signer, Verifier
from paddock.wire.messages import Count, Decoder, Id, Name, Struct, encode

TYPE = "paddock-licence+jwt"
# The role of the key that signs licences.
ROLE = "directive"
_LONGEST = 16_384


class Foreign(EnvelopeError):
    """The licence is another agent's."""

    code = "foreign_licence"


class Header(Struct, frozen=True, kw_only=True):
    """The one header there is."""

    alg: Literal["EdDSA"]
    kid: Name
    typ: Literal["paddock-licence+jwt"]


class Confirmation(Struct, frozen=True, kw_only=True):
    """The key of the agent that the licence is good for, by its thumbprint."""

    jkt: Annotated[str, Meta(max_length=64)]


class Claims(Struct, frozen=True, kw_only=True):
    """What a licence says; `iat` and `exp` are epoch seconds, `grace` is seconds, bounds that are 0 bound nothing."""

    iss: Literal["paddock"]
    aud: Literal["paddock-agent"]
    sub: Id
    jti: Id
    iat: Annotated[int, Meta(ge=0, le=2**40)]
    exp: Annotated[int, Meta(ge=0, le=2**40)]
    cnf: Confirmation
    gen: Count
    # Empty: the agent is unlimited again, and keeps no licence.
    licence: Annotated[str, Meta(max_length=64)]
    plan: Annotated[str, Meta(max_length=64)] = ""
    max_agents: Count = 0
    max_tasks: Count = 0
    features: Annotated[tuple[Name, ...], Meta(max_length=64)]
    channel: Name
    binding: Binding
    grace: Annotated[int, Meta(ge=0, le=2**40)] = 0
    # The host that the agent is bound to, as digests of its parts.
    host: Annotated[dict[Name, Annotated[str, Meta(max_length=64)]], Meta(max_length=12)] = msgspec.field(
        default_factory=dict
    )

    def lets(self, kind: str) -> bool:
        """Whether jobs of this kind may run under it."""
        return lets(self.features, kind)


_headers = Decoder(Header)
_claims = Decoder(Claims)


def issue(claims: bytes, signer: Signer) -> str:
    """The licence that says this, signed. Raises: Malformed when these are no claims of one."""
    _claims.decode(claims)
    header = encode(Header(alg="EdDSA", kid=signer.keyid, typ="paddock-licence+jwt"))
    text = f"{_text(header)}.{_text(claims)}"
    return f"{text}.{_text(signer.sign(text.encode()))}"


def _text(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read(token: str, keys: Mapping[str, Verifier], mine: tuple[str, str, int]) -> Claims:
    """What a licence says, once a known key has signed it for this agent: its id, its key's name and its generation.

    Raises: Malformed, Unsigned, BadSignature, Foreign. Whether its time is over, the caller judges.
    """
    if len(token) > _LONGEST or not token.isascii():
        raise Malformed("the licence is no JWT")
    parts = token.split(".")
    if len(parts) != 3:
        raise Malformed("the licence is no JWT")
    header = _headers.decode(_plain(parts[0]))
    key = keys.get(header.kid)
    if key is None or key.role != ROLE:
        raise Unsigned("no key of the control plane that may sign licences has signed it")
    if not key.holds(f"{parts[0]}.{parts[1]}".encode(), _plain(parts[2])):
        raise BadSignature("the licence's signature does not fit")
    claims = _claims.decode(_plain(parts[1]))
    if (claims.sub, claims.cnf.jkt, claims.gen) != mine:
        raise Foreign()
    return claims


def _plain(part: str) -> bytes:
    """Base64url without padding, in the one spelling that there is of it."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("the licence's base64 does not decode") from None
    if _text(raw) != part:
        raise Malformed("the licence's base64 has another spelling")
    return raw
