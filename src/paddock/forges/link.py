"""The one way to a forge's API: every request counts against the quota, and no answer carries the token further."""

import ssl
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import certifi
import httpx
import msgspec

from paddock.core.errors import BadInput
from paddock.core.redaction import Redactor
from paddock.forges.errors import ForgeBusy, ForgeDenied, ForgeError, ForgeMissing, ForgeRefused, ForgeUnreachable
from paddock.forges.quota import HOLD_MS, Quota

TIMEOUT_S = 30.0
MAX_ANSWER = 8 << 20
# Answers kept for their ETag.
MOST_KEPT = 500
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@cache
def _trust() -> ssl.SSLContext:
    """What the system trusts, for a company's forge is signed by the company, and the public roots beside."""
    trust = ssl.create_default_context()
    trust.load_verify_locations(certifi.where())
    return trust


def new_client(seconds: float = TIMEOUT_S) -> httpx.AsyncClient:
    """A client for all forges, which waits for so many seconds: no redirects, for the token would follow them."""
    return httpx.AsyncClient(verify=_trust(), timeout=seconds, follow_redirects=False)


def check_base(url: str) -> str:
    """The base of an API, without a slash at its end. Raises: BadInput for one that would show the token."""
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise BadInput("the forge's address has a password in it", hint="give it with --forge-token-file")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise BadInput(f"{url}: a token is not sent over plain http", hint="use https://")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"{url}: no address of a forge", hint="such as https://git.example.org")
    return url.rstrip("/")


class Link:
    """One forge's API for one account."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        base: str,
        headers: Mapping[str, str],
        token: str,
        quota: Quota,
        now: Callable[[], int],
    ) -> None:
        self._client = client
        self._base = check_base(base)
        self._headers = {"User-Agent": "paddock", **headers}
        self._cover = Redactor([token])
        self.quota = quota
        self._now = now
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        # Whether the latest answer to `get` was what is known already.
        self.unchanged = False

    async def get(self, path: str, **params: str) -> Any:
        """An answer as JSON, asked for with what is known already; costs no quota where nothing has changed."""
        known = self._kept.get(key := f"{path}?{sorted(params.items())}")
        headers = {"If-None-Match": known[0]} if known else {}
        status, told, raw = await self._send("GET", path, headers=headers, params=params)
        self.unchanged = status == 304 and known is not None
        if self.unchanged and known is not None:
            raw = known[1]
            self._kept.move_to_end(key)
        elif tag := told.get("etag"):
            self._kept[key] = (tag, raw)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return self._decoded(path, raw)

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A request that changes something, its body as JSON; the answer as JSON, None for an empty one."""
        _, _, raw = await self._send(method, path, json=dict(body or {}))
        return self._decoded(path, raw) if raw else None

    async def post_form(self, path: str, **fields: str) -> Any:
        """The same with a form."""
        _, _, raw = await self._send("POST", path, data=fields)
        return self._decoded(path, raw)

    async def _send(self, method: str, path: str, **more: Any) -> tuple[int, Mapping[str, str], bytes]:
        more["headers"] = {**self._headers, **more.pop("headers", {})}
        try:
            async with self._client.stream(method, self._base + path, **more) as answer:
                raw = bytearray()
                async for part in answer.aiter_bytes():
                    raw += part
                    if len(raw) > MAX_ANSWER:
                        raise ForgeError(f"{self._where()} sent more than {MAX_ANSWER:,} bytes")
        except httpx.InvalidURL:
            raise BadInput(f"{self._base}: no address of a forge") from None
        except httpx.HTTPError as error:
            words = str(error) or type(error).__name__
            raise ForgeUnreachable(f"{self._where()} does not answer: {self._covered(words)}") from None
        self.quota.note(answer.status_code, answer.headers, self._now())
        self._check(method, path, answer.status_code, bytes(raw))
        return answer.status_code, answer.headers, bytes(raw)

    def _check(self, method: str, path: str, status: int, raw: bytes) -> None:
        if status < 300 or status == 304:
            return
        what = f"{self._where()} answered {status} to {method} {path.split('?')[0]}"
        said = self._said(raw)
        told = f"{what}: {said}" if said else what
        if status == 429 or (status == 403 and self.quota.hold_until > self._now()):
            raise ForgeBusy(f"{self._where()}: rate limit", until=self.quota.hold_until or self._now() + HOLD_MS)
        if status in (401, 403):
            raise ForgeDenied(told)
        if status == 404:
            raise ForgeMissing(told)
        if status >= 500:
            raise ForgeUnreachable(told)
        refused = ForgeRefused(told)
        refused.answered = status
        raise refused

    def _said(self, raw: bytes) -> str:
        """What the forge gives as its reason, in one short line."""
        try:
            told = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ""
        if not isinstance(told, dict):
            return ""
        parts = [told.get(name) for name in ("message", "error", "errors")]
        words = "; ".join(str(part) for part in parts if part)
        return self._covered(" ".join(words.split())[:300])

    def _covered(self, text: str) -> str:
        return self._cover.cover(text.encode(errors="replace")).decode(errors="replace")

    def _decoded(self, path: str, raw: bytes) -> Any:
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ForgeError(f"{self._where()} answered {path} with no JSON", hint="is this its API?") from None

    def _where(self) -> str:
        return self._base.split("//", 1)[-1]
