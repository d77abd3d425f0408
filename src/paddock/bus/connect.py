"""The bus behind an address."""

import hashlib
from urllib.parse import urlsplit

from paddock.bus.base import Bus
from paddock.bus.gossip import GossipBus, Way
from paddock.bus.outbox import Pace
from paddock.core.errors import BadInput

_USUAL = Pace()
_POSTGRES = ("postgresql", "postgres")
# Valkey speaks the same words as Redis; only the name of the scheme differs.
_REDIS = {"redis": "redis", "rediss": "rediss", "unix": "unix", "valkey": "redis", "valkeys": "rediss"}


async def connect(url: str, fleet: str, pace: Pace = _USUAL) -> Bus:
    """The bus at `postgresql://…`, `redis://…`, `rediss://…`, `valkey://…` or `unix://…` (a socket of Redis).

    `fleet` is any text that all replicas of one control plane share and no other has.

    Raises: BadInput for an address that is none, BusUnavailable.
    """
    return await GossipBus.open(_way(url, "paddock_" + hashlib.sha256(fleet.encode()).hexdigest()[:20]), pace)


def _way(url: str, channel: str) -> Way:
    scheme, _, rest = url.partition("://")
    if scheme in _POSTGRES or scheme in _REDIS:
        try:
            urlsplit(url).port  # noqa: B018  (asking checks it)
            return _with_library(scheme, rest, channel)
        except ValueError as error:
            raise BadInput(f"the address of the bus: {error}") from None
    raise BadInput(
        f"{scheme!r} is no kind of bus" if rest else "the address of the bus is no URL",
        hint="postgresql://HOST/DATABASE, redis://HOST:PORT, rediss:// or valkey://",
    )


def _with_library(scheme: str, rest: str, channel: str) -> Way:
    try:
        if scheme in _POSTGRES:
            from paddock.bus.postgres import PostgresWay

            return PostgresWay(f"postgresql://{rest}", channel)
        from paddock.bus.redis import RedisWay

        return RedisWay(f"{_REDIS[scheme]}://{rest}", channel)
    except ImportError as error:
        hint = "pip install 'paddock[scale]'"
        raise BadInput(f"the library for a bus on {scheme} is not installed: {error.name}", hint=hint) from None
