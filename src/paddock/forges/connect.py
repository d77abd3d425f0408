"""From an address as people write it to a driver: `github:owner/name`, `gitlab:https://git.example.org/group/name`."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import httpx

from paddock.core.errors import BadInput
from paddock.forges import github, gitlab
from paddock.forges.base import Forge, Heard, Struct
from paddock.forges.forgejo import Forgejo
from paddock.forges.github import GitHub
from paddock.forges.gitlab import GitLab
from paddock.forges.link import Link, check_base
from paddock.forges.pagure import Pagure
from paddock.forges.quota import Quota

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
# Kind → (driver, where it is without a host, what follows the host of another).
_KINDS: dict[str, tuple[type[GitHub | GitLab | Forgejo | Pagure], str, str]] = {
    "github": (GitHub, github.BASE, "/api/v3"),
    "gitlab": (GitLab, gitlab.BASE, "/api/v4"),
    "forgejo": (Forgejo, "https://codeberg.org/api/v1", "/api/v1"),
    "gitea": (Forgejo, "https://gitea.com/api/v1", "/api/v1"),
    "pagure": (Pagure, "https://pagure.io/api/0", "/api/0"),
}
KINDS = tuple(_KINDS)


class Place(Struct, frozen=True, kw_only=True):
    """A repository on a forge: which one, the base of its API, and the path there."""

    kind: str
    base: str
    repo: str

    @property
    def shown(self) -> str:
        """As people read it."""
        return f"{self.kind}:{self.base.split('//', 1)[-1].split('/')[0]}/{self.repo}"


def parse(address: str) -> Place:
    """An address as people write it. Raises: BadInput."""
    kind, colon, rest = address.partition(":")
    if not colon or kind not in _KINDS:
        raise BadInput(f"{address[:80]!r} is no forge", hint=f"such as github:owner/name; kinds: {', '.join(KINDS)}")
    _, base, suffix = _KINDS[kind]
    path = rest
    if "://" in rest:
        parts = urlsplit(rest)
        base, path = check_base(f"{parts.scheme}://{parts.netloc}") + suffix, parts.path
        if parts.hostname in ("github.com", "www.github.com"):
            base = github.BASE
    repo = path.strip("/").removesuffix(".git")
    segments = repo.split("/")
    few, many = (1, 2) if kind == "pagure" else (2, 20) if kind == "gitlab" else (2, 2)
    if not few <= len(segments) <= many or not all(_SEGMENT.fullmatch(one) for one in segments):
        raise BadInput(f"{rest[:80]!r} names no repository", hint=f"such as {kind}:https://HOST/owner/name")
    return Place(kind=kind, base=base, repo=repo)


def connect(client: httpx.AsyncClient, place: Place, token: str, quota: Quota, now: Callable[[], int]) -> Forge:
    """A driver for the place. `now` tells epoch milliseconds."""
    driver = _KINDS[place.kind][0]
    return driver(Link(client, place.base, driver.headers(token), token, quota, now), place.repo)


def verify_webhook(kind: str, headers: Mapping[str, str], body: bytes, secret: str) -> Heard:
    """Believes a webhook of this kind of forge if it is signed. Raises: BadWebhook."""
    return _KINDS[kind][0].verify_webhook(headers, body, secret)
