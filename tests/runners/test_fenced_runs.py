"""Runs that the fence itself ends: their way out breaks, or they fill the disk."""

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from paddock.core.policy import Bounds, Policy
from paddock.core.policy_scope import Asked, effective
from paddock.runners.base import Run, Stop
from paddock.runners.disk import FULL, watched, weight
from paddock.runners.process import Ended, run_process
from paddock.runners.way_out import LOST, way_out
from paddock.sandbox import Box, Egress, default_tools, job_user, launch, probe
from paddock.wire.messages import Limits
from support.orders import ORDER

pytestmark = pytest.mark.skipif(probe().cls == "none", reason=probe().reason)


class Log:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.text = b""

    def write(self, data: bytes) -> None:
        self.text += data


def job(folder: Path, log: Log, policy: Policy | None = None, hosts: Sequence[str] = ()) -> Run:
    scope = ORDER.scope
    asked = Asked(kind="command", repo="", scope=scope, payload={}, wall_seconds=60)
    fence = effective(asked, policy or Policy())

    @contextlib.asynccontextmanager
    async def no_socket(_: Path) -> AsyncIterator[None]:
        yield

    async def confirm() -> None: ...

    return Run(
        order=ORDER,
        work=folder,
        tools=(),
        fence=msgspec.structs.replace(fence, hosts=tuple(hosts)),
        log=log,
        diff=Log(),
        stop=Stop(),
        say=lambda _: None,
        began=lambda: None,
        confirm=confirm,
        socket=no_socket,
    )


def box(folder: Path, link: int | None = None) -> Box:
    tree = folder / "tree"
    tree.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        os.chown(tree, job_user().uid, job_user().gid)
    tools = default_tools()
    return Box(root=folder, tree=tree, user=job_user(), tools=tools, stage=folder / "stage", way_out=link)


async def run(made: Run, folder: Path, code: str) -> Ended:
    with way_out(made, contained=True) as egress:
        words = [sys.executable, "-I", "-S", "-c", code]
        ready = launch(box(folder, egress.theirs.fileno() if egress else None), words)
        async with watched(made, folder / "tree"):
            return await run_process(ready, Limits(wall_s=60), made.log, made.stop)


ASKS = """
import socket, time
with socket.create_connection(("127.0.0.1", 3128)) as link:
    link.sendall(b"CONNECT allowed.test:443 HTTP/1.1\\r\\n\\r\\n")
    link.recv(100)
time.sleep(600)
"""


async def test_a_way_out_that_breaks_ends_the_run(traversable_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = job(traversable_tmp, Log(), hosts=("allowed.test:443",))

    class Broken(Egress):
        def _tell(self, line: str) -> None:
            raise RuntimeError(line)

    monkeypatch.setattr("paddock.runners.way_out.Egress", Broken)
    ended = await run(made, traversable_tmp, ASKS)
    assert ended.why == LOST


async def test_a_run_that_fills_the_disk_is_ended(traversable_tmp: Path) -> None:
    log = Log()
    made = job(traversable_tmp, log, Policy(limits=Bounds(disk_mib=8)))
    code = "import time\nfor n in range(64): open(f'f{n}', 'wb').write(b'x' * (1 << 20))\ntime.sleep(600)"
    ended = await run(made, traversable_tmp, code)
    assert ended.why == FULL and b"wrote more than 8 MiB" in log.text


def test_weight_counts_what_lies_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"x" * 100_000)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "out").symlink_to("/")
    assert 100_000 <= weight(tmp_path, 1 << 30) < 1_000_000
