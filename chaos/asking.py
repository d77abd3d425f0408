"""The control plane's API for the storm."""

import json
from typing import Any

from paddock.client.transport import Transport

_JSON = {"Content-Type": "application/json"}


class Ask:
    """One address. An answer is waited for `timeout` seconds; what gets none is asked again for `patience` seconds.

    Calls raise ClientError as the server says it, and Unreachable, after which a write may have been made.
    """

    def __init__(self, server: str, *, timeout: float = 5.0, patience: float = 0.0) -> None:
        self._transport = Transport(server, timeout=timeout, patience=patience)

    def get(self, path: str, **query: object) -> Any:
        """The JSON at a path."""
        return self._transport.call("GET", path, query=query).json()

    def post(self, path: str, body: object) -> Any:
        """The JSON that comes back for a JSON body."""
        return self._transport.call("POST", path, json.dumps(body).encode(), _JSON).json()
