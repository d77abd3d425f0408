"""The operator's HTTP API from the command line: JSON in and out, errors as the one tree."""

import http.client
import json
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from paddock.cli import out
from paddock.core.errors import (
    BadInput,
    Conflict,
    NotFound,
    Overloaded,
    PaddockError,
    Refused,
    Stale,
    Unauthorised,
    Unreachable,
    why,
)

if TYPE_CHECKING:
    from paddock.cli.credentials import Credentials

# How often a busy control plane is asked, and the longest wait between, in seconds.
BUSY_TRIES, LONGEST_WAIT = 6, 20
TIMEOUT = 60.0  # seconds; answers take milliseconds, a loaded control plane a few seconds


class NotPaddock(PaddockError):
    """What answers there is no control plane of Paddock."""

    code = "not_paddock"
    exit_code = 3
    hint = "name the control plane with --server or PADDOCK_SERVER"


class ProofNeeded(Refused):
    """This needs your password again."""

    code = "proof_needed"
    hint = "type it in a terminal, or do it on the page"


class Api:
    """One control plane, and what proves to it who asks."""

    def __init__(self, server: str, *, timeout: float = TIMEOUT, credentials: "Credentials | None" = None) -> None:
        parts = urlsplit(server if "//" in server else f"//{server}", scheme="http")
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise BadInput(f"{server!r} is no address of a control plane", hint="such as http://127.0.0.1:8420")
        self.server = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._host, self._port, self._prefix = parts.hostname, port, parts.path.rstrip("/")
        self._secure = parts.scheme == "https"
        self._timeout = timeout
        self._credentials = credentials

    def get(self, path: str, **query: object) -> Any:
        """The JSON at a path. A query's None is left out.

        Raises: PaddockError as the control plane says it, Unreachable.
        """
        return self._json("GET", _with(path, query), None)

    def post(self, path: str, body: object, *, timeout: float = 0) -> Any:
        """The JSON that comes back for a JSON body, within so many seconds if they are given.

        Raises: PaddockError as the control plane says it, Unreachable.
        """
        return self._json("POST", path, json.dumps(body).encode(), timeout)

    def raw(self, path: str, **query: object) -> tuple[bytes, "http.client.HTTPMessage"]:
        """The bytes at a path and the headers that came with them.

        Raises: PaddockError as the control plane says it, Unreachable.
        """
        with self._exchange("GET", _with(path, query), None, self._timeout) as answer:
            return answer.read(), answer.headers

    def events(self, *, patience: float) -> Iterator[str]:
        """The data of server-sent events as they come; an empty text after `patience` seconds without one.

        Ends when the control plane ends the stream or falls silent.
        """
        with self._exchange("GET", "/v1/events", None, patience) as answer:
            while True:
                try:
                    line = answer.readline()
                except TimeoutError:
                    return
                if not line:
                    return
                if line.startswith(b"data:"):
                    yield line[5:].decode(errors="replace").strip()

    def _json(self, method: str, path: str, body: bytes | None, timeout: float = 0) -> Any:
        return self.read(self._patiently(method, path, body, timeout or self._timeout))

    def read(self, raw: bytes) -> Any:
        """An answer's JSON. Raises: NotPaddock."""
        try:
            return json.loads(raw)
        except ValueError:
            raise NotPaddock(f"{self.server} does not answer as a control plane of Paddock") from None

    def _patiently(self, method: str, path: str, body: bytes | None, timeout: float) -> bytes:
        """The answer's body; a busy control plane is asked again when it says so, and nothing was done meanwhile."""
        for left in reversed(range(BUSY_TRIES)):
            try:
                with self._exchange(method, path, body, timeout) as answer:
                    return answer.read()
            except ProofNeeded:
                if self._credentials is None or not self._credentials.prove(self):
                    raise
            except Overloaded as error:
                if not left:
                    raise
                wait = min(error.retry_after, LONGEST_WAIT) * (1 + random.random() / 2)
                out.note(f"the control plane is busy; trying again in {wait:.0f} s ({left} more)")
                time.sleep(wait)
        raise Overloaded

    @contextmanager
    def _exchange(
        self, method: str, path: str, body: bytes | None, timeout: float
    ) -> Iterator[http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        link = kind(self._host, self._port, timeout=timeout)
        headers = {"Accept": "application/json", "User-Agent": "paddock"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._credentials is not None and (bearer := self._credentials.bearer()):
            headers["Authorization"] = f"Bearer {bearer}"
        try:
            link.request(method, self._prefix + path, body, headers)
            answer = link.getresponse()
            if answer.status >= 400:
                raise self._error(answer.status, answer.read(), answer.headers.get("Retry-After", ""))
            yield answer
        except TimeoutError:
            raise Unreachable(f"{self.server} did not answer within {timeout:g} s") from None
        except socket.gaierror:
            raise Unreachable(f"there is no host {self._host!r}") from None
        except ConnectionRefusedError:
            raise Unreachable(f"nothing answers at {self.server}") from None
        except http.client.RemoteDisconnected:
            raise Unreachable(f"{self.server} hung up") from None
        except http.client.HTTPException:
            raise NotPaddock(f"{self.server} does not speak HTTP as a control plane does") from None
        except OSError as error:
            raise Unreachable(f"{self.server} cannot be reached: {why(error)}") from None
        finally:
            link.close()

    def _error(self, status: int, raw: bytes, wait: str = "") -> PaddockError:
        try:
            said = json.loads(raw)["error"]
            message, hint = str(said["message"]), str(said.get("hint") or "")
        except (ValueError, KeyError, TypeError):
            return NotPaddock(f"{self.server} answered {status} and does not look like a control plane of Paddock")
        if status == 400:
            return BadInput(message, hint=hint, where=str(said.get("where") or ""))
        if said.get("code") == ProofNeeded.code:
            return ProofNeeded(message)
        if status == 503 and said.get("code") == Overloaded.code:
            return Overloaded(message, hint=hint, retry_after=int(wait) if wait.isascii() and wait.isdigit() else 1)
        if status == 409 and str(said.get("code", "")).startswith("stale"):
            return Stale(message, hint=hint)
        return _BY_STATUS.get(status, PaddockError)(message, hint=hint)


_BY_STATUS: dict[int, type[PaddockError]] = {
    401: Unauthorised,
    403: Refused,
    404: NotFound,
    409: Conflict,
    413: BadInput,
    422: BadInput,
    429: Refused,
    503: Unreachable,
}


def at(*parts: str) -> str:
    """A path below /v1 from names that may hold any character."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _with(path: str, query: dict[str, object]) -> str:
    given = {key: value if isinstance(value, list) else str(value) for key, value in query.items() if value is not None}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path
