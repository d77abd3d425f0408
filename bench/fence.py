"""What the fence costs: a contained command beside the bare one, and bytes through a box's way out."""

import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.place import Place
from bench.report import Limit, Report, best
from paddock.sandbox import Box, Ceiling, Egress, Overlay, Rules, default_tools, job_user, launch, probe

RUNS, SAMPLES = 3, 30
MIB = 512
# Runs in the box: reads everything that comes through the proxy and prints bytes a second.
READER = """
import socket, sys, time
link = socket.create_connection(("127.0.0.1", 3128))
link.sendall(b"CONNECT localhost:%d HTTP/1.1\\r\\n\\r\\n" % int(sys.argv[1]))
assert link.recv(39).endswith(b"established\\r\\n\\r\\n")
link.sendall(b"go")
buffer, total, began = bytearray(1 << 19), 0, time.perf_counter()
while count := link.recv_into(buffer):
    total += count
print(total / (time.perf_counter() - began))
"""


def measure(place: Place) -> Report:
    """Wall milliseconds from spawn to exit, bare and contained in turn; megabytes a second from a server to the box."""
    held = probe(place.path)
    if held.cls != "contained":
        return _report({}, {}, 0, (f"this host cannot contain jobs: {held.reason}", held.hint))
    runs, samples = (1, 3) if place.quick else (RUNS, SAMPLES)
    folder = place.folder("fence")
    with undisturbed() as note:
        return _measure(folder, runs, samples, 8 if place.quick else MIB, held.overlay, note)


@contextmanager
def undisturbed() -> Iterator[tuple[str, ...]]:
    """Before the neighbours on this machine, where it may be: a box is a dozen processes that wait for each other.

    The bare command is measured in the same way. Gives a note of it.
    """
    before, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        yield ()
        return
    try:
        yield ("measured before other processes of this machine (SCHED_RR), the bare command too",)
    finally:
        os.sched_setscheduler(0, before, priority)


def _measure(folder: Path, runs: int, samples: int, mib: int, overlay: bool, note: tuple[str, ...]) -> Report:
    found = [_commands(folder, samples, overlay=overlay) for _ in range(runs)]
    chosen = best(found, lambda run: run["added"])
    with_way_out = statistics.median(_ms(folder, way_out=True) for _ in range(samples)) - chosen["bare"]
    speed = max(_speed(folder, mib) for _ in range(runs))
    figures = {
        "contained_ms_median": chosen["contained"],
        "added_ms": chosen["added"],
        "added_ms_with_way_out": with_way_out,
        "egress_mb_per_s": speed,
    }
    return _report(figures, {"bare_ms_median": chosen["bare"]}, runs, note)


def _report(figures: dict[str, float], floor: dict[str, float], runs: int, notes: tuple[str, ...]) -> Report:
    return Report(
        name="fence",
        about="one contained command beside the bare one; bytes through the proxy of a box",
        figures=figures,
        floor=floor,
        budget={
            "added_ms": Limit(most=50),
            "added_ms_with_way_out": Limit(most=50),
            "egress_mb_per_s": Limit(least=100),
        },
        runs=runs,
        notes=notes,
    )


def _commands(folder: Path, samples: int, *, overlay: bool) -> dict[str, float]:
    bare, contained = [], []
    for _ in range(samples):
        began = time.perf_counter()
        subprocess.run(["/bin/true"], check=True)
        bare.append((time.perf_counter() - began) * 1e3)
        contained.append(_ms(folder, overlay=overlay))
    quick, boxed = statistics.median(bare), statistics.median(contained)
    return {"bare": quick, "contained": boxed, "added": boxed - quick}


def _box(folder: Path, *, overlay: bool = False, egress: Egress | None = None) -> Box:
    for name in ("tree", "lower", "upper", "work"):
        path = folder / name
        path.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            os.chown(path, job_user().uid, job_user().gid)
    return Box(
        root=folder,
        tree=folder / "tree",
        user=job_user(),
        overlay=Overlay("lower", "upper", "work") if overlay else None,
        tools=default_tools(),
        stage=folder / "stage",
        label="benchfence",
        ceiling=Ceiling(),
        way_out=egress.theirs.fileno() if egress else None,
    )


def _ms(folder: Path, *, overlay: bool = False, way_out: bool = False) -> float:
    """The whole price: the description, its descriptors, mounts, control groups, filter, and the end."""
    began = time.perf_counter()
    if not way_out:
        _spawn(_box(folder, overlay=overlay), ["/bin/true"])
    else:
        with Egress(Rules(("localhost:1",)), lambda _: None, lambda: None) as egress:
            _spawn(_box(folder, egress=egress), ["/bin/true"])
    return (time.perf_counter() - began) * 1e3


def _spawn(box: Box, argv: Sequence[str]) -> str:
    with launch(box, argv) as ready:
        done = subprocess.run(ready.argv, **ready.options(), stdout=subprocess.PIPE, check=True, text=True)
        return str(done.stdout)


def _speed(folder: Path, mib: int) -> float:
    """Megabytes a second."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_serve, args=(server, mib), daemon=True).start()
        rules = Rules((f"localhost:{port}",), ("127.0.0.0/8", "::1/128"))
        with Egress(rules, lambda _: None, lambda: None) as egress:
            words = [sys.executable, "-I", "-S", "-c", READER, str(port)]
            return float(_spawn(_box(folder, egress=egress), words)) / 1e6


def _serve(server: socket.socket, mib: int) -> None:
    link, _ = server.accept()
    block = bytes(1 << 20)
    with link:
        link.recv(16)
        for _ in range(mib):
            link.sendall(block)
