"""Paddock from Python, with the standard library alone.

    from paddock.client import Client
    client = Client("http://127.0.0.1:8420")
    made = client.submit("shop", [{"id": "one", "payload": {"argv": ["make"]}}])
    client.state("project", "shop").put("colour", "green", if_absent=True)
    client.topic("deploys").publish({"host": "a1"}, type="deploy.done")

A job reaches its own state with `from paddock import state`, and topics with `from paddock import topics`.
"""

from paddock.client.errors import ClientError, Conflict, Full, NotFound, Stale, TooLarge, Unreachable
from paddock.client.operator import Client
from paddock.client.registry import Agent
from paddock.client.state import Key, State, Value
from paddock.client.topics import Delivery, Event, Group, GroupInfo, Topic
from paddock.client.transport import Transport

__all__ = [
    "Agent",
    "Client",
    "ClientError",
    "Conflict",
    "Delivery",
    "Event",
    "Full",
    "Group",
    "GroupInfo",
    "Key",
    "NotFound",
    "Stale",
    "State",
    "TooLarge",
    "Topic",
    "Transport",
    "Unreachable",
    "Value",
]
