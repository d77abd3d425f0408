"""HTTP/1.1 with the standard library alone: to a control plane's address, or to an agent's socket from within a job."""

import contextlib
import http.client
import json
import random
import socket
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from paddock.client.errors import ClientError, Unreachable, error_of


class Answer(NamedTuple):
    """A good answer. Header names are small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> object:
        """The body as JSON. Raises: ClientError."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise ClientError("the answer is no JSON", status=self.status) from None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Transport:
    """One server. Every call has a connection of its own, so that threads and forks need no care.

    `patience` is how many seconds a call goes on asking a server that does not answer, `timeout` the seconds that it
    waits for one answer.
    """

    def __init__(self, server: str, *, timeout: float = 60.0, patience: float = 30.0, bearer: str = "") -> None:
        self._parts = urlsplit(server)
        if self._parts.scheme == "unix":
            known = bool(self._parts.path)
        else:
            known = self._parts.scheme in ("http", "https") and bool(self._parts.hostname)
        if not known:
            raise ValueError(f"{server!r} is no address; it looks like http://127.0.0.1:8420 or unix:///path")
        self._bearer = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        self._timeout = timeout
        self.patience = patience

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Answer:
        """A request's answer; one that gets none is sent again, so that it must be safe to repeat.

        Raises: ClientError as the server says it, Unreachable.
        """
        where = self._address(path, query)
        deadline, sent = time.monotonic() + self.patience, 0
        while True:
            sent += 1
            try:
                answer = self._exchange(method, where, body, dict(headers or {}))
            except (OSError, http.client.HTTPException) as error:
                failed: ClientError = self._silence(error)
            else:
                if answer.status < 400:
                    return answer
                failed = _refusal(answer, resent=sent > 1)
                if not isinstance(failed, Unreachable):
                    raise failed
            pause = min(2.0, 0.05 * 2**sent) * (0.5 + random.random())
            if time.monotonic() + pause > deadline:
                raise failed
            time.sleep(pause)

    def stream(self, path: str, query: Mapping[str, object] | None = None) -> Iterator[tuple[str, str]]:
        """Server-sent events as (name, data), over one connection and until it ends; it is not taken up again.

        Raises: ClientError as the server says it, Unreachable.
        """
        link, name, data = self._connect(), "", ""
        try:
            link.request("GET", self._address(path, query), headers={"Accept": "text/event-stream", **self._bearer})
            got = link.getresponse()
            if got.status >= 400:
                headers = {name.lower(): value for name, value in got.getheaders()}
                raise _refusal(Answer(got.status, headers, got.read()), resent=False)
            while line := got.readline():
                word, _, value = line.decode().rstrip("\r\n").partition(": ")
                if word == "event":
                    name = value
                elif word == "data":
                    data += value
                elif not word and data:
                    yield name, data
                    name, data = "", ""
        except (OSError, http.client.HTTPException) as error:
            raise self._silence(error) from None
        finally:
            link.close()

    def _silence(self, error: Exception) -> Unreachable:
        where = urlunsplit(self._parts)
        if isinstance(error, ConnectionRefusedError | FileNotFoundError):
            return Unreachable(f"nothing answers at {where}")
        return Unreachable(
            f"{where} cannot be reached: {getattr(error, 'strerror', '') or error or type(error).__name__}"
        )

    def _address(self, path: str, query: Mapping[str, object] | None) -> str:
        asked = {name: value for name, value in (query or {}).items() if value not in (None, "", ())}
        prefix = "" if self._parts.scheme == "unix" else self._parts.path.rstrip("/")
        return prefix + quote(path) + (f"?{urlencode(asked, doseq=True)}" if asked else "")

    def _exchange(self, method: str, where: str, body: bytes, headers: dict[str, str]) -> Answer:
        link = self._connect()
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it hung up
                link.request(method, where, body, {**self._bearer, **headers})
            got = link.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            link.close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._parts.scheme == "unix":
            return _UnixConnection(self._parts.path, self._timeout)
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=self._timeout)


def _refusal(answer: Answer, *, resent: bool) -> ClientError:
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = None
    return error_of(answer.status, told, answer.headers.get("etag", ""), resent=resent)
