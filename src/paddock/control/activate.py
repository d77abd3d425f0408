"""Activation: a single-use token becomes an agent with a key of its own."""

import base64
import binascii

from paddock.control import anomalies
from paddock.control.plane import Control
from paddock.control.tokens import digest
from paddock.core.errors import BadInput, Unauthorised
from paddock.wire.keys import Verifier
from paddock.wire.messages import Activated, Activation, Decoder
from paddock.wire.signing import verify

_decoder = Decoder(Activation)


async def activate(control: Control, signature: str, body: bytes, address: str = "") -> Activated:
    """Redeems a token for the key that signed the request, which came from this address.

    Raises: Unauthorised, Malformed, BadInput.
    """
    given = _decoder.decode(body)
    try:
        public = base64.b64decode(given.public_key, validate=True)
        key = Verifier(public, "agent")
    except (binascii.Error, ValueError, TypeError):
        raise BadInput("public_key is no Ed25519 key in base64") from None
    if not signature:
        raise Unauthorised("the request is not signed")
    verify(body, signature, "activation", key)
    now = control.clock.now()
    token = digest(given.token)
    try:
        agent = await control.store.redeem(token, given.public_key, given.name, now, address)
    except Unauthorised:
        await anomalies.reused(control, token, given.public_key, address)
        raise
    control.fleet.put(agent)
    await anomalies.activated(control, agent, token, given.sent)
    control.tell_of(agent.id)
    control.bus.news()
    return Activated(
        agent=agent.id,
        generation=agent.generation,
        keys=control.keys.keys,
        server_time=now,
        followed=len(control.keys.chain),
    )
