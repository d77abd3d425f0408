"""Runs a control plane: one process at one address, alone on its home or as one of several on a database."""

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from paddock.control.audit import Sealer
from paddock.control.gateway import Gateway
from paddock.control.oidc import Provider
from paddock.control.people import offer_setup
from paddock.control.plane import Control
from paddock.control.reap import Reaper
from paddock.core.errors import BadInput, PaddockError
from paddock.core.schedule import resting
from paddock.core.state import Bounds
from paddock.settings import ADDRESS
from paddock.web.app import create_app
from paddock.web.files import open_up, warn_if_few
from paddock.web.opening import check_address, open_door
from paddock.web.protocol import Bounded

STOP_SECONDS = 3
# A host that is gone is noticed after two minutes.
KEEP_ALIVE = {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 20, socket.TCP_KEEPCNT: 3}


class PortInUse(BadInput):
    """The address is in use."""

    code = "port_in_use"
    hint = "stop what listens there, or choose another with --port"


class KeeperGone(PaddockError):
    """The process that keeps the signer has ended, and with it everything that could sign."""

    code = "keeper_gone"
    hint = "start the control plane again"


class HomeInUse(BadInput):
    """Another control plane runs on this home."""

    code = "home_in_use"
    hint = "stop it, or choose another with --home"


def listen(host: str, port: int, *, people: bool = False, public: str = "") -> socket.socket:
    """The listening socket. Beyond this machine it takes that people log in, at a public address.

    Raises: BadInput, PortInUse.
    """
    check_address(host, people, public)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it: the kernel notices a host that is gone, however long its wake channel says nothing.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in KEEP_ALIVE.items():
        sock.setsockopt(socket.IPPROTO_TCP, option, seconds)
    try:
        sock.bind((host, port))
        sock.listen(1024)
    except OSError as error:
        sock.close()
        raise PortInUse(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return sock


def lock_home(home: Path) -> int:
    """Takes the home for this process; the returned descriptor holds it. Raises: HomeInUse."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise HomeInUse(f"another control plane runs on {home}") from None
    return handle


@contextlib.contextmanager
def _told_where(home: Path, sock: socket.socket) -> Iterator[None]:
    """Tells the verbs that look at this home where the control plane listens, until it has stopped."""
    host, port = sock.getsockname()[:2]
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    address = f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = home / ADDRESS
    file.write_text(address)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # unless another replica of this home has said since where it is
            if file.read_text() == address:
                file.unlink()


class _Server(uvicorn.Server):
    """Ends the open event streams before it waits for its connections."""

    def __init__(self, config: uvicorn.Config, control: Control) -> None:
        super().__init__(config)
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        self.keeper_ended = False

    async def main_loop(self) -> None:
        """Waits to be told to stop, where uvicorn looks ten times a second whether it was."""
        await self.on_tick(0)
        await self._told.wait()

    def watch(self, keeper: int) -> None:
        """Ends the server when the keeper of its signer has ended: nobody would start that one again."""
        handle = os.pidfd_open(keeper)

        def ended() -> None:
            self._loop.remove_reader(handle)
            os.close(handle)
            self.keeper_ended = True
            self.handle_exit(signal.SIGTERM, None)

        self._loop.add_reader(handle, ended)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._loop.call_soon_threadsafe(self._told.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._control.registry.close()
        await self._control.bus.close()
        await super().shutdown(sockets)


async def serve(
    control: Control, sock: socket.socket, ready: Callable[[], None] | None = None, keeper: int = 0
) -> None:
    """Serves until SIGTERM or SIGINT, or until the task is cancelled; `keeper` is the process that keeps the signer.

    Raises: KeeperGone when that one ends first.
    """
    config = uvicorn.Config(
        create_app(control),
        loop="none",
        http=Bounded,
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        log_level="warning",
        timeout_keep_alive=max(120, 2 * resting(control.beat_ms) // 1_000),
        timeout_graceful_shutdown=STOP_SECONDS,
        server_header=False,
        date_header=False,
    )
    server = _Server(config, control)
    if keeper:
        server.watch(keeper)
    reaper = Reaper(control)
    reaper.start()
    sealer = Sealer(control)
    sealer.start()
    gateway = Gateway(control)
    gateway.start()
    control.pressure.start()
    if control.replica is not None:
        control.replica.start()
    if ready is not None:  # the socket listens already: who connects now waits for the first turn of the loop
        ready()
    try:
        await server.serve(sockets=[sock])
    finally:
        control.pressure.stop()
        await reaper.stop()
        await sealer.stop()
        await gateway.stop()
        if control.replica is not None:
            await control.replica.stop()
    if server.keeper_ended:
        raise KeeperGone()


def _settle_down() -> None:
    """Keeps pauses short: collections need not walk what was loaded, and the writer thread gets its turn soon."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    sys.setswitchinterval(0.001)


def _told_already(_number: int, _frame: object) -> None:
    """The server has stopped because of this signal; what is left to do is to close in order."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run. Intervals are milliseconds, a lease of 0 lasts three beats; no `store` means a file in the home."""

    home: Path
    host: str
    port: int
    beat_ms: int
    lease_ms: int = 0
    store: str = ""
    bus: str = ""
    # Where the signer listens.
    signer: str = ""
    # The process that keeps it running; 0 where that is none of ours.
    keeper: int = 0
    # The most bytes that one value of a job's state may have.
    value_bytes: int = Bounds().value
    # Whether people log in, at which address, and which proxies are believed about whom they ask for.
    people: bool = False
    public: str = ""
    proxies: tuple[str, ...] = ()
    provider: Provider | None = None

    async def open(self) -> Control:
        """Opens the control plane. Raises: BadInput, StoreUnavailable, BusUnavailable, SignerGone, BadKey."""
        if not self.store:
            return await Control.open(self.home, signer=self.signer, beat_ms=self.beat_ms, lease_ms=self.lease_ms)
        from paddock.control.scaled import Shared, open_scaled

        shared = Shared(store=self.store, bus=self.bus, signer=self.signer)
        return await open_scaled(self.home, shared, beat_ms=self.beat_ms, lease_ms=self.lease_ms)


def _check(plan: Plan) -> None:
    """Raises: BadInput."""
    if plan.store and not plan.store.startswith(("postgresql://", "postgres://")):
        raise BadInput("the store's address is none of a PostgreSQL database", hint="postgresql://USER@HOST/DATABASE")
    if plan.bus and not plan.store:
        raise BadInput(
            "a bus joins replicas, and a control plane on a file has none",
            hint="name the database that the replicas share with --store",
        )


def run(plan: Plan, ready: Callable[[], None] | None = None, invite: Callable[[str], None] | None = None) -> int:
    """Runs a control plane until it is told to stop; returns the exit code.

    `invite` is told the one-time link by which the first owner comes in, if people log in and there is no owner.

    Raises: BadInput, PortInUse, HomeInUse, StoreUnavailable, BusUnavailable.
    """
    import uvloop

    _check(plan)
    files = open_up()
    sock = listen(plan.host, plan.port, people=plan.people, public=plan.public)
    handle = None if plan.store else lock_home(plan.home)

    async def main() -> None:
        control = await plan.open()
        control.bounds = Bounds(value=plan.value_bytes)
        control.door = open_door(
            plan.home,
            plan.host,
            plan.port,
            people=plan.people,
            public=plan.public,
            proxies=plan.proxies,
            provider=plan.provider,
        )
        if plan.people and invite is not None and (link := await offer_setup(control)):
            invite(f"{control.door.public}/setup#{link}")
        warn_if_few(files, len(control.fleet))
        _settle_down()
        try:
            await serve(control, sock, ready, plan.keeper)
        finally:
            await control.close()

    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again when it has stopped
        signal.signal(number, _told_already)
    try:
        with _told_where(plan.home, sock):
            uvloop.run(main())
    finally:
        if handle is not None:
            os.close(handle)
        sock.close()
    return 0
