"""The network of a storm: each replica in a namespace of its own, all of them and the servers on one bridge.

The servers stand where the storm runs, at two addresses of the bridge. A replica listens on its namespace's loopback
address, as replicas do; whoever wants to reach it opens a socket inside (`Network.socket`).
"""

import contextlib
import ctypes
import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from chaos.words import Trouble

# A range that is set aside for tests of networks, RFC 2544.
_SUBNETS = [f"198.18.{number}" for number in range(40, 240)]
_SPACE = "paddock-chaos-"
_LINK = "pkc"
# Nobody's hardware address: what is sent there vanishes.
_NOWHERE = "02:00:00:00:00:01"
_BRIDGE = "02:00:00:00:00:02"
_CLONE_NEWNET = 0x4000_0000
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*words: str) -> str:
    """What `ip` prints. Raises: Trouble with its own words."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise Trouble(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Network:
    """Used as a context. `store` and `bus` are the servers' addresses."""

    def __init__(self, run: str, count: int) -> None:
        self._run = run
        self.count = count
        self.bridge = f"{_LINK}{run}"
        self._base = ""

    def __enter__(self) -> "Network":
        try:
            self._build()
        except BaseException:
            remove(self._run)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        remove(self._run)

    def _build(self) -> None:
        taken = ip("-4", "-o", "addr") + ip("-4", "route")
        self._base = next(base for base in _SUBNETS if f"{base}." not in taken)
        # Left to itself a bridge takes its address from its ports: pulling one would cut off the others as well.
        ip("link", "add", self.bridge, "address", _BRIDGE, "type", "bridge")
        for address in (self.store, self.bus):
            ip("addr", "add", f"{address}/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")
        for number in range(self.count):
            space, port = self.space(number), self._port(number)
            ip("netns", "add", space)
            ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("-n", space, "addr", "add", f"{self._base}.{number + 11}/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                ip("-n", space, "link", "set", link, "up")
            ip("link", "set", port, "master", self.bridge, "up")

    @property
    def store(self) -> str:
        """Where PostgreSQL listens."""
        return f"{self._base}.1"

    @property
    def bus(self) -> str:
        """Where Redis listens."""
        return f"{self._base}.2"

    @property
    def subnet(self) -> str:
        """All addresses, as PostgreSQL's access file has them."""
        return f"{self._base}.0/24"

    def space(self, number: int) -> str:
        """The name of a replica's namespace."""
        return f"{_SPACE}{self._run}-{number}"

    def _port(self, number: int) -> str:
        return f"{self.bridge}p{number}"

    def inside(self, number: int, argv: Sequence[str]) -> list[str]:
        """The command that runs a command in a replica's namespace, as the very same process."""
        return ["nsenter", f"--net={_path(self.space(number))}", "--", *argv]

    def cut(self, number: int) -> None:
        """Takes a replica's cable out of the bridge: whatever either side sends vanishes, and nobody is told."""
        ip("link", "set", self._port(number), "nomaster")

    def join(self, number: int) -> None:
        """Puts the cable back."""
        ip("link", "set", self._port(number), "master", self.bridge)

    def cut_store(self, number: int) -> None:
        """Has what a replica sends to PostgreSQL vanish; the rest of the network stays."""
        words = ("neigh", "replace", self.store, "lladdr", _NOWHERE, "dev", "eth0", "nud", "permanent")
        ip("-n", self.space(number), *words)

    def join_store(self, number: int) -> None:
        """Has it arrive again."""
        ip("-n", self.space(number), "neigh", "del", self.store, "dev", "eth0")

    def socket(self, number: int) -> socket.socket:
        """A TCP socket in a replica's namespace, as if somebody on its machine had opened it; it does not block."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(_path(self.space(number)), os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(there)
            try:
                made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            finally:
                _enter(here)
        finally:
            os.close(here)
            os.close(there)
        made.setblocking(False)
        return made


def _enter(space: int) -> None:
    if _libc.setns(space, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _path(space: str) -> Path:
    return Path("/run/netns", space)


def _spaces() -> list[str]:
    return [line.split()[0] for line in ip("netns", "list").splitlines() if line.startswith(_SPACE)]


def _links() -> list[str]:
    names = (line.split(": ")[1].split("@")[0] for line in ip("-o", "link").splitlines())
    return [name for name in names if name.startswith(_LINK)]


def runs() -> set[str]:
    """The storms of which something is there."""
    return {space.split("-")[2] for space in _spaces()} | {link[len(_LINK) :].split("p")[0] for link in _links()}


def pids(run: str) -> list[int]:
    """The processes in the namespaces of a storm."""
    mine = [space for space in _spaces() if space.startswith(f"{_SPACE}{run}-")]
    return [int(pid) for space in mine for pid in ip("netns", "pids", space).split()]


def remove(run: str) -> None:
    """Removes the network of a storm, whatever is there of it."""
    for space in _spaces():
        if space.startswith(f"{_SPACE}{run}-"):
            with contextlib.suppress(Trouble):  # somebody else swept it
                ip("netns", "del", space)
    for link in sorted(_links(), reverse=True):
        if link.startswith(f"{_LINK}{run}"):
            with contextlib.suppress(Trouble):  # it went with its namespace
                ip("link", "del", link)
