"""Paddock from Python, with the standard library alone.

    from paddock.client import Client
    client = Client("http://127.0.0.1:8420")
    made = client.submit("shop", [{"id": "one", "payload": {"argv": ["make"]}}])
    client.state("project", "shop").put("colour", "green", if_absent=True)

A job reaches its own state with `from paddock import state`.
"""

from paddock.client.errors import ClientError, Conflict, Full, NotFound, Stale, TooLarge, Unreachable
from paddock.client.operator import Client
from paddock.client.state import Key, State, Value
from paddock.client.transport import Transport

__all__ = [
    "Client",
    "ClientError",
    "Conflict",
    "Full",
    "Key",
    "NotFound",
    "Stale",
    "State",
    "TooLarge",
    "Transport",
    "Unreachable",
    "Value",
]
