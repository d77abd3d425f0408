"""Which hosts a job may reach: rules such as `pypi.org:443`, and whether a name or an address stands inside them.

Names are compared before anything is asked of DNS; the addresses that DNS then gives are judged by themselves.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from paddock.core.errors import BadInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_RULES = 200
HINT = "rules look like pypi.org:443, *.example.org:443 or **.example.org:443,8443"

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
# Names under which anybody can have a name: a wildcard just below one is a wildcard for everybody.
_SHARED_SUFFIXES_WORDS = (
    "co.uk org.uk ac.uk gov.uk com.au net.au org.au co.jp ne.jp or.jp co.nz co.za co.in com.br com.cn com.mx com.tr "
    "com.tw co.kr github.io gitlab.io pages.dev workers.dev vercel.app netlify.app herokuapp.com appspot.com "
    "web.app firebaseapp.com cloudfront.net amazonaws.com azurewebsites.net blob.core.windows.net ngrok.io "
    "ngrok.app fly.dev onrender.com"
)
_SHARED_SUFFIXES = frozenset(_SHARED_SUFFIXES_WORDS.split())
# Names to which anybody may bring anything: allowed, and said to be what they are.
_OPEN_TO_ALL_WORDS = (
    "github.com gist.github.com api.github.com uploads.github.com raw.githubusercontent.com gitlab.com bitbucket.org "
    "codeberg.org pastebin.com paste.debian.net transfer.sh 0x0.st file.io webhook.site requestbin.com discord.com "
    "hooks.slack.com api.telegram.org huggingface.co storage.googleapis.com dropbox.com"
)
_OPEN_TO_ALL = frozenset(_OPEN_TO_ALL_WORDS.split())
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class HostRule:
    """A rule read: how many labels may stand before `name` (0, 1, or -1 for one and more), and the ports."""

    text: str
    name: str
    above: int
    ports: frozenset[int]

    @property
    def open_to_all(self) -> bool:
        """Whether somebody else's data may be brought there as well as ours."""
        if any(suffix == self.name or self.name.endswith("." + suffix) for suffix in _SHARED_SUFFIXES):
            return True
        held = self.name in _OPEN_TO_ALL
        return held or (self.above != 0 and any(name.endswith("." + self.name) for name in _OPEN_TO_ALL))

    def takes(self, host: str, port: int) -> bool:
        """Whether a name, as `host_name` gives it, and a port stand inside the rule."""
        if port not in self.ports:
            return False
        if self.above == 0:
            return host == self.name
        labels = host.removesuffix("." + self.name)
        return labels != host and (self.above == -1 or "." not in labels)

    def covers(self, other: "HostRule") -> bool:
        """Whether everything inside the other rule stands inside this one."""
        if not other.ports <= self.ports:
            return False
        if other.above == 0:
            return self.takes(other.name, min(other.ports))
        if self.above == -1:
            return other.name == self.name or other.name.endswith("." + self.name)
        return self.above == other.above == 1 and self.name == other.name


@lru_cache(2_048)
def parse_rule(text: str, where: str = "scope.hosts") -> HostRule:
    """A rule from its text.

    Raises: BadInput when it could not be held: an address, a name that is none, a wildcard for everybody, a bad port.
    """
    name, colon, ports = text.rpartition(":")
    if not colon:
        raise BadInput(f"{where}: {text[:80]!r} names no port", hint=HINT)
    above = 0
    for star, count in (("**.", -1), ("*.", 1)):
        if name.startswith(star):
            name, above = name.removeprefix(star), count
            break
    if not name or host_name(name) != name:
        raise BadInput(
            f"{where}: {text[:80]!r} names no host", hint=f"{HINT}; in small ASCII letters, never an address"
        )
    if "." not in name and above:
        raise BadInput(f"{where}: {text[:80]!r} would be a wildcard for everybody", hint=HINT)
    if above and name in _SHARED_SUFFIXES:
        raise BadInput(f"{where}: below {name} anybody may have a name", hint="name the host itself")
    return HostRule(text, name, above, _ports(ports, text, where))


def check_hosts(texts: Sequence[str], where: str) -> None:
    """Raises: BadInput for too many rules, or one that could not be held."""
    if len(texts) > MAX_RULES:
        raise BadInput(f"{where}: more than {MAX_RULES} rules")
    for text in texts:
        parse_rule(text, where)


def _ports(words: str, text: str, where: str) -> frozenset[int]:
    parts = words.split(",")
    if not all(part.isascii() and part.isdigit() and part[0] != "0" and len(part) < 6 for part in parts):
        raise BadInput(f"{where}: {text[:80]!r} has a bad port", hint=HINT)
    found = frozenset(int(part) for part in parts)
    if max(found) > 65_535:
        raise BadInput(f"{where}: {text[:80]!r} has a bad port", hint=HINT)
    return found


def host_name(text: str) -> str:
    """A host's name in small letters and without the final dot; empty when it is no plain name, as an address is none.

    What a resolver could take for an address in any writing (decimal, octal, hexadecimal) has a last label that begins
    with a digit, which no top-level name does.
    """
    if not text.isascii():
        return ""
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.match(label) for label in labels) or labels[-1][0].isdigit():
        return ""
    return name


def find_rule(rules: Iterable[HostRule], host: str, port: int) -> HostRule | None:
    """The first rule that takes the host and the port."""
    return next((rule for rule in rules if rule.takes(host, port)), None)


def parse_network(text: str, where: str) -> Network:
    """Raises: BadInput."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise BadInput(f"{where}: {error}", hint="such as 10.1.0.0/16 or fd00::/8") from None


def reachable(address: Address, private: Iterable[Network] = ()) -> bool:
    """Whether a job may be connected to an address: a public one, or one in a range that the host's owner named.

    An IPv6 address that carries an IPv4 one is judged by that one.
    """
    inner = _carried(address)
    if any(inner.version == network.version and inner in network for network in private):
        return True
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def _carried(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
