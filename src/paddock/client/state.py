"""Keys with compare-and-set: what a job, a project or an agent remembers."""

import json
import random
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from paddock.client.errors import Conflict, NotFound
from paddock.client.transport import Answer, Transport

# How often `update` tries while others are faster.
TRIES = 100
_JSON = "application/json"


class Value(NamedTuple):
    """A key's value. `etag` is its revision, `expires` epoch milliseconds or None."""

    data: bytes
    etag: str
    content_type: str
    expires: int | None

    def json(self) -> Any:
        """The value read as JSON. Raises: ValueError."""
        return json.loads(self.data)


class Key(NamedTuple):
    """A key as a list shows it. `size` is bytes, times are epoch milliseconds."""

    key: str
    etag: str
    content_type: str
    size: int
    expires: int | None
    updated: int


class State:
    """The keys of one owner. Every method raises Unreachable, and within a job Stale once another attempt has it."""

    def __init__(self, transport: Transport, path: str) -> None:
        self._transport = transport
        self._path = path

    def get(self, key: str) -> Value:
        """Raises: NotFound."""
        answer = self._transport.call("GET", f"{self._path}/{key}")
        kind = answer.headers.get("content-type", "")
        return Value(answer.body, answer.headers["etag"], kind, _number(answer, "paddock-expires"))

    def find(self, key: str) -> Value | None:
        """The value, or None."""
        try:
            return self.get(key)
        except NotFound:
            return None

    def put(
        self,
        key: str,
        value: bytes | str,
        *,
        if_match: str = "",
        if_absent: bool = False,
        ttl: float = 0,
        content_type: str = "",
    ) -> str:
        """Sets a value and returns its etag. `if_match` is the etag that must stand there, `ttl` seconds to live.

        Raises: Conflict, TooLarge, Full.
        """
        data = value.encode() if isinstance(value, str) else value
        headers = {
            "Content-Type": content_type or ("text/plain" if isinstance(value, str) else "application/octet-stream"),
            # By which the server knows a write that is sent again, because its answer was lost.
            "Paddock-Write": secrets.token_hex(12),
        }
        if if_match:
            headers["If-Match"] = if_match
        if if_absent:
            headers["If-None-Match"] = "*"
        if ttl:
            headers["Paddock-Ttl"] = f"{ttl:.3f}"
        return self._transport.call("PUT", f"{self._path}/{key}", data, headers).headers["etag"]

    def update(
        self, key: str, change: Callable[[bytes | None], bytes], *, ttl: float = 0, content_type: str = ""
    ) -> Value:
        """Sets a key to what `change` makes of its value (None: there is none), tried anew while others are faster.

        `change` may be called more than once and must do nothing but compute; of its results exactly one is written.
        Raises: Conflict when it cannot be known whether the write was made, or after 100 tries; TooLarge, Full.
        """
        for tried in range(TRIES):
            there = self.find(key)
            data = change(there.data if there else None)
            kind = content_type or (there.content_type if there else "")
            try:
                etag = self.put(
                    key, data, if_match=there.etag if there else "", if_absent=there is None, ttl=ttl, content_type=kind
                )
            except Conflict as error:
                if error.in_doubt or tried == TRIES - 1:
                    raise
                time.sleep(random.random() * min(0.2, 0.002 * (tried + 1)))
            else:
                return Value(data, etag, kind, None)
        raise AssertionError("unreachable")

    def delete(self, key: str, *, if_match: str = "") -> bool:
        """Deletes a key; whether it was there. Raises: Conflict."""
        try:
            self._transport.call("DELETE", f"{self._path}/{key}", headers={"If-Match": if_match} if if_match else {})
        except NotFound:
            return False
        return True

    def keys(self, prefix: str = "") -> Iterator[Key]:
        """Every key that begins so, in order; read a page at a time."""
        after = ""
        while True:
            query = {"prefix": prefix, "after": after, "limit": 500}
            found: Any = self._transport.call("GET", self._path, query=query).json()
            for row in found["keys"]:
                yield Key(
                    row["key"], f'"{row["revision"]}"', row["type"], row["size"], row.get("expires"), row["updated"]
                )
            if len(found["keys"]) < 500:
                return
            after = found["keys"][-1]["key"]

    def get_json(self, key: str, default: Any = None) -> Any:
        """The value read as JSON, or the default when there is none."""
        there = self.find(key)
        return default if there is None else there.json()

    def put_json(self, key: str, value: Any, *, if_match: str = "", if_absent: bool = False, ttl: float = 0) -> str:
        """As `put`, with the value as JSON."""
        data = json.dumps(value).encode()
        return self.put(key, data, if_match=if_match, if_absent=if_absent, ttl=ttl, content_type=_JSON)

    def update_json(self, key: str, change: Callable[[Any], Any], default: Any = None, *, ttl: float = 0) -> Any:
        """As `update`, with values as JSON; returns the new one."""

        def changed(data: bytes | None) -> bytes:
            return json.dumps(change(default if data is None else json.loads(data))).encode()

        return self.update(key, changed, ttl=ttl, content_type=_JSON).json()


def _number(answer: Answer, name: str) -> int | None:
    value = answer.headers.get(name, "")
    return int(value) if value.isdigit() else None
