"""The parts of this host, as digests under a key that only this agent has: nobody learns what they are."""

import hashlib
import os
import platform
from collections.abc import Callable
from pathlib import Path

from paddock.wire.keys import Signer

_ID_BYTES = 12


def of_host(key: Signer, root: Path = Path("/")) -> dict[str, str]:
    """Each part that can be read without privilege; what cannot is left out."""
    secret = key.derive("fingerprint")
    out = {}
    for part, look in _PARTS.items():
        try:
            found = look(root)
        except OSError:
            continue
        if found:
            body = f"{part}={found}".encode("utf-8", "surrogateescape")
            out[part] = hashlib.blake2b(body, key=secret, digest_size=_ID_BYTES).hexdigest()
    return out


def _machine(root: Path) -> str:
    return (root / "etc/machine-id").read_text().strip()


def _board(root: Path) -> str:
    """The board's own number, where it may be read."""
    return (root / "sys/class/dmi/id/product_uuid").read_text().strip()


def _disk(root: Path) -> str:
    """The file system that the root stands on, by its UUID."""
    device = os.stat(root).st_dev  # noqa: PTH116  (a Path has no device number without it)
    for link in sorted((root / "dev/disk/by-uuid").iterdir()):
        if link.stat().st_rdev == device:
            return link.name
    return ""


def _network(root: Path) -> str:
    """The addresses of the network cards; what software makes up is none."""
    cards = (card for card in (root / "sys/class/net").iterdir() if (card / "device").exists())
    return ",".join(sorted((card / "address").read_text().strip() for card in cards))


def _cpu(root: Path) -> str:
    for line in (root / "proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _name(_root: Path) -> str:
    return platform.node()


_PARTS: dict[str, Callable[[Path], str]] = {
    "machine": _machine,
    "board": _board,
    "disk": _disk,
    "network": _network,
    "cpu": _cpu,
    "name": _name,
}
