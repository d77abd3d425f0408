"""Control groups: a bound on what all processes of a run take together, where the host lets us make them."""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from paddock.sandbox.limits import Ceiling

# The files by which a group bounds memory, of either generation.
MEMORY = ("memory.max", "memory.limit_in_bytes")
ROOT = Path("/sys/fs/cgroup")
PREFIX = "paddock-"
# Seconds after which an empty group is a dead run's: a live one is entered within a moment of its making.
STALE_S = 120.0


def groups(label: str, ceiling: Ceiling) -> list[Path]:
    """Fresh groups for one run, to be entered by its first process; none where the host has none for us.

    What dead runs left is removed on the way.
    """
    made = []
    for parent, controllers in _parents().items():
        _sweep(parent)
        folder = parent / f"{PREFIX}{label}"
        try:
            folder.mkdir(exist_ok=True)
            for name, value in _values(controllers, ceiling).items():
                with contextlib.suppress(FileNotFoundError):  # an older kernel has fewer files
                    (folder / name).write_text(str(value))
        except OSError:
            continue
        made.append(folder)
    return made


def remove(label: str) -> None:
    """Removes the groups of a run that has ended."""
    for parent in _parents():
        with contextlib.suppress(OSError):  # it has processes yet: the sweep of a later run takes it
            (parent / f"{PREFIX}{label}").rmdir()


def available() -> str:
    """Which bounds groups give here, in words."""
    return ", ".join(sorted({name for names in _parents().values() for name in names if name != "v2"}))


def _values(controllers: tuple[str, ...], ceiling: Ceiling) -> Mapping[str, int]:
    unified = "v2" in controllers
    out: dict[str, int] = {}
    if "pids" in controllers:
        out["pids.max"] = ceiling.processes
    if "memory" in controllers:
        out[MEMORY[0] if unified else MEMORY[1]] = ceiling.memory_bytes
        if unified:
            out |= {"memory.oom.group": 1, "memory.swap.max": 0}
    return out


@cache
def _parents() -> Mapping[Path, tuple[str, ...]]:
    """Where this process may make groups, and with which controllers."""
    found: dict[Path, tuple[str, ...]] = {}
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        _, names, path = line.split(":", 2)
        for place, controllers in _places(names, path):
            if controllers and os.access(place / "cgroup.procs", os.W_OK) and os.access(place, os.W_OK):
                found[place] = controllers
                break
    return found


def _places(names: str, path: str) -> Iterator[tuple[Path, tuple[str, ...]]]:
    if names in ("pids", "memory"):
        yield ROOT / names / path.lstrip("/"), (names,)
    if names:
        return
    own = ROOT / path.lstrip("/")
    for place in (own, own.parent):
        with contextlib.suppress(OSError):
            given = (place / "cgroup.subtree_control").read_text().split()
            yield place, tuple([*(name for name in ("pids", "memory") if name in given), *(["v2"] if given else [])])


def _sweep(parent: Path) -> None:
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with contextlib.suppress(OSError):  # it has processes yet, or somebody else was faster
                    if time.time() - entry.stat().st_mtime > STALE_S:
                        os.rmdir(entry.path)  # noqa: PTH106
